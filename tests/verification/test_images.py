"""A folder of images as samples: pixels, sizes, labels, and what does not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnfold.errors import SourceError, UsageError
from bnfold.verification import InputSpec, Preprocess, load_data

F32 = np.dtype(np.float32)
RGB = InputSpec("x", ("n", 3, 4, 6), F32)


def image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images in two sub-folders, of the size the model wants."""
    for place, name in enumerate(("cat/a.png", "cat/b.png", "dog/c.png")):
        image(tmp_path / name, np.full((4, 6, 3), [10 * place, 100, 255]))
    return tmp_path


def test_pixels_are_normalized_channels_first(folder: Path) -> None:
    x = load_data(folder, [RGB], Preprocess((0.1, 0.2, 0.3), (0.5,))).feeds["x"]
    assert x.shape == (3, 3, 4, 6)
    assert x.dtype == F32
    expected = (np.array([20, 100, 255]) / 255 - [0.1, 0.2, 0.3]) / 0.5
    np.testing.assert_allclose(x[2].mean((1, 2)), expected, rtol=1e-6)


def test_labels_are_places_of_sub_folders(folder: Path) -> None:
    data = load_data(folder, [RGB])
    assert data.labels.tolist() == [0, 0, 1]
    assert data.names == ("cat/a.png", "cat/b.png", "dog/c.png")


def test_sub_folders_called_by_numbers_are_those_classes(tmp_path: Path) -> None:
    for name in ("3", "17"):
        image(tmp_path / name / "a.png", np.zeros((4, 6, 3)))
    assert load_data(tmp_path, [RGB]).labels.tolist() == [17, 3]


def test_a_table_of_labels_comes_first(folder: Path) -> None:
    (folder / "labels.csv").write_text("file,label\ncat/a.png,7\ncat/b.png,8\ndog/c.png,9\n")
    assert load_data(folder, [RGB]).labels.tolist() == [7, 8, 9]
    (folder / "labels.csv").write_text("cat/a.png,7\n")
    with pytest.raises(UsageError, match=r"no line `cat/b.png,LABEL`"):
        load_data(folder, [RGB])
    (folder / "labels.csv").write_text("cat/a.png,7\ncat/b.png,x\ndog/c.png,9\n")
    with pytest.raises(UsageError, match="whole number"):
        load_data(folder, [RGB])


def test_images_without_folders_have_no_labels(tmp_path: Path) -> None:
    image(tmp_path / "a.png", np.zeros((4, 6)))
    data = load_data(tmp_path, [InputSpec("x", (None, 1, 4, 6), F32)])
    assert data.labels is None
    assert data.feeds["x"].shape == (1, 1, 4, 6)


def test_an_image_is_scaled_to_cover_and_cropped_in_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((8, 32, 3))
    pixels[:, 8:24] = 255
    image(tmp_path / "a.png", pixels)
    x = load_data(tmp_path, [InputSpec("x", ("n", 3, "h", "w"), F32)], Preprocess(size=(4, 4))).feeds["x"]
    assert x.shape == (1, 3, 4, 4)
    assert x.min() > 0.5


@pytest.mark.parametrize(
    ("spec", "preprocess", "says"),
    [
        (InputSpec("x", ("n", 3), F32), None, "one float input"),
        (InputSpec("x", ("n", 5, 4, 6), F32), None, "has 5 channels"),
        (InputSpec("x", ("n", 3, "h", "w"), F32), None, "no fixed height and width"),
        (RGB, Preprocess(mean=(0.1, 0.2)), "take 1 or 3 numbers"),
        (RGB, Preprocess(std=(0.0,)), "greater than 0"),
        (RGB, Preprocess(size=(5, 5)), "has shape"),
    ],
)
def test_what_does_not_fit(folder: Path, spec: InputSpec, preprocess: Preprocess | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load_data(folder, [spec], preprocess)


def test_folders_that_cannot_be_read(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no image in"):
        load_data(tmp_path / "empty", [RGB])
    (folder / "cat" / "broken.png").write_text("no image")
    with pytest.raises(SourceError, match="cannot be read as an image"):
        load_data(folder, [RGB])


def test_preprocessing_is_for_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((1, 3, 4, 6)))
    with pytest.raises(UsageError, match="for a folder of images"):
        load_data(tmp_path / "d.npz", [RGB], Preprocess())
