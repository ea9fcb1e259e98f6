"""Features of the surroundings in windows of an image."""

import numpy as np

from core.land.context.context_groups import CONTEXT, compute_context
from core.land.context.image_bands import ImageBands
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.window_reading import read_window
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_dataset


def windows_of(folder, block):
    settings = ImportSettings(groups="blocks", block=block)
    return image_dataset(import_images(folder, settings))


def test_context__does_not_depend_on_how_the_image_is_divided(raster_folder):
    for path in (*raster_folder.glob("place[12].tif"), *raster_folder.glob("labels/place[12].tif")):
        path.unlink()
    dataset = windows_of(raster_folder, 50)
    assert len(dataset.patches) > 4
    needs = RequiredData(context=(*CONTEXT, "texture"))
    # The image as a whole is the first window with a margin that covers all others.
    pixels = read_window(dataset.patches[0], margin=1000)
    image = ImageBands(pixels.values, dataset.layout.bands)
    planes, names = compute_context(image, needs.context)
    assert planes.shape[1:] == (120, 160)
    for index, patch in enumerate(dataset.patches):
        table = read_patch(dataset, index, needs)
        assert table.context_names == names
        left, top, right, bottom = patch.window
        expected = planes[:, top:bottom, left:right].reshape(len(names), -1).T
        np.testing.assert_allclose(table.context, expected, atol=2e-6)
