"""Which photographs of which Debian and PyPI packages picture faults are calibrated on, and which they are tested on.

Only photographs are named, not the drawings in the same packages. How they are fetched must not be known here.
"""

_EXAMPLES = "usr/share/doc/opencv-doc/examples"
_HTML = "usr/share/doc/opencv-doc/opencv4/html"
_BACKGROUNDS = "usr/share/backgrounds"
_PLASMA = "usr/share/wallpapers/{}/contents/images/2560x1600.jpg"

DEBIAN: dict[str, tuple[str, ...]] = {
    "opencv-doc": (
        *(
            f"{_EXAMPLES}/data/{name}"
            for name in (
                "aloeL.jpg",
                "basketball1.png",
                "board.jpg",
                "building.jpg",
                "chicky_512.png",
                "fruits.jpg",
                "graf1.png",
                "leuvenA.jpg",
                "messi5.jpg",
                "rubberwhale1.png",
                "squirrel_cls.jpg",
                "box_in_scene.png",
                "baboon.jpg",
            )
        ),
        *(f"{_EXAMPLES}/text/scenetext0{n}.jpg" for n in (1, 4, 5, 6)),
        f"{_EXAMPLES}/alphamat/input_images/plant.jpg",
        f"{_EXAMPLES}/reg/home.png",
        f"{_EXAMPLES}/hfs/data/000.jpg",
        *(
            f"{_HTML}/{name}"
            for name in (
                "astra_color.jpg",
                "pexels_double_decker_bus.jpg",
                "realsense.jpg",
                "studentsSample_input.jpg",
                "yolo.jpg",
                "singlemarkersoriginal.jpg",
                "choriginal.jpg",
                "230501201_1.jpg",
                "detect_test2.jpg",
                "boat.jpg",
                "fusion_mertens.jpg",
                "newspaper.jpg",
                "4_barcodes.jpg",
                "Background_Subtraction_Tutorial_frame.jpg",
            )
        ),
    ),
    "lomiri-wallpapers-16.04": tuple(
        f"{_BACKGROUNDS}/{name}.jpg"
        for name in (
            "Picture_0B_by_freespace",
            "Picture_1A_by_freespace",
            "Wine_by_Jakkub_Mede",
            "friends_by_Aitzol_Berasategi",
            "greentock_by_Peter_Nerlich",
            "life_by_Aitzol_Berasategi",
            "picosdeeuropa_by_Aitzol_Berasategi",
            "aitzgorri_by_Aitzol_Berasategi",
            "Bridge_by_Sander_Klootwijk",
            "Dragonfly_by_Bolly",
        )
    ),
    "lomiri-wallpapers-20.04": (f"{_BACKGROUNDS}/Kleiber_by_Lukas_Baubkus.jpg",),
    "mate-backgrounds": tuple(f"{_BACKGROUNDS}/mate/nature/{name}.jpg" for name in ("LadyBird", "Garden", "Storm")),
    "plasma-workspace-wallpapers": tuple(map(_PLASMA.format, ("ColorfulCups", "EveningGlow", "Grey", "OneStandsOut"))),
    "python3-sklearn": tuple(
        f"usr/lib/python3/dist-packages/sklearn/datasets/images/{n}.jpg" for n in ("china", "flower")
    ),
    "python-matplotlib-data": ("usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg",),
    # those that FRESH names
    "darknet": tuple(
        f"usr/share/darknet/data/{n}.jpg" for n in ("dog", "eagle", "giraffe", "horses", "kite", "person")
    ),
    "hugin-data": tuple(f"usr/share/hugin/xrc/data/help_en_EN/{n}.jpg" for n in ("CA_tCA00", "CA_fringes00")),
    "labelme-examples": tuple(
        f"usr/share/doc/labelme-examples/examples/{name}.jpg"
        for name in (
            "bbox_detection/data_annotated/2011_000003",
            "bbox_detection/data_annotated/2011_000006",
            "bbox_detection/data_annotated/2011_000025",
            "tutorial/apc2016_obj3",
            "video_annotation/data_annotated/00000100",
        )
    ),
    "libjxl-testdata": ("usr/share/libjxl-testdata/jxl/hdr_room.png",),
    "palapeli-data": tuple(f"usr/share/palapeli/collection/{n}.jpg" for n in ("castle-maintenon", "citrus-fruits")),
    "python-kivy-examples": tuple(
        f"usr/share/kivy-examples/demo/pictures/images/{n}.jpg" for n in ("Wall", "faust_github")
    ),
    "visp-images-data": ("usr/share/visp-images-data/ViSP-images/faces/1280px-Solvay_conference_1927.png",),
}
PYPI: dict[str, tuple[str, ...]] = {
    "scikit-image": tuple(
        f"skimage/data/{name}"
        for name in (
            "astronaut.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "motorcycle_left.png",
            "rocket.jpg",
            "brick.png",
            "coins.png",
            "gravel.png",
        )
    ),
    # those that FRESH names
    "foolbox": tuple(
        f"foolbox/data/imagenet_{name}.jpg"
        for name in (
            "00_243",
            "01_559",
            "02_438",
            "03_990",
            "04_949",
            "05_853",
            "07_609",
            "08_915",
            "09_455",
            "13_471",
            "15_99",
            "16_251",
            "19_305",
        )
    ),
    "imgaug": ("imgaug/quokka.jpg",),
    "insightface": ("insightface/data/images/t1.jpg",),
    "psychopy": tuple(
        f"psychopy/demos/coder/iohub/eyetracking/gcCursor/images/{n}.jpg"
        for n in ("canal", "fall", "party", "swimming")
    ),
    "ultralytics": tuple(f"ultralytics/assets/{n}.jpg" for n in ("bus", "zidane")),
}
NATURE = frozenset(
    [
        "aitzgorri_by_Aitzol_Berasategi",
        "Dragonfly_by_Bolly",
        "life_by_Aitzol_Berasategi",
        "LadyBird",
        "Garden",
        "Storm",
        "OneStandsOut",
        "squirrel_cls",
        "messi5",
        "flower",
        "baboon",
        "fruits",
        "plant",
        "EveningGlow",
        "picosdeeuropa_by_Aitzol_Berasategi",
        "boat",
        "000",
        "rocket",
        "coffee",
        "Kleiber_by_Lukas_Baubkus",
        "Wine_by_Jakkub_Mede",
        "fusion_mertens",
        # of those that FRESH names
        "CA_fringes00",
        "citrus-fruits",
        "eagle",
        "giraffe",
        "horses",
        "kite",
        "person",
        "imagenet_00_243",
        "imagenet_03_990",
        "imagenet_15_99",
        "imagenet_19_305",
        "fall",
        "swimming",
    ]
)
"""Photographs whose own colours no kitchen has (meadows, sunsets, candle light): told apart in the table."""

FRESH = frozenset(
    [
        "darknet",
        "hugin-data",
        "labelme-examples",
        "libjxl-testdata",
        "palapeli-data",
        "python-kivy-examples",
        "visp-images-data",
        "foolbox",
        "imgaug",
        "insightface",
        "psychopy",
        "ultralytics",
    ]
)
"""Packages whose photographs are for testing alone: nothing measured on them may lead to a choice of limits."""
