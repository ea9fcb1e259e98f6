import pytest

from core.clusters.evaluation.correction_choice import choose_correction
from core.clusters.evaluation.corrections import CorrectionEffect

SHARES = {"scene": 0.4, "brightness": 0.3, "sharpness": 0.2, "stability": 0.7, "ami": 0.5}


def effect(name="current", title="Current settings", **measures):
    values = SHARES | measures
    return CorrectionEffect(
        name, title, n_clusters=3, noise_fraction=0, silhouette=None, ari=None, **values
    )


CENTRED = effect("centre", "Centring by scene", scene=0.1, ami=0.62)
DIMMED = effect("brightness", "Removing brightness", brightness=0.25, ami=0.6)
TURNED = effect("long-axis", "Turning the long axis up", ami=0.7)


def test_choose__best_agreement_and_what_it_lowers():
    choice = choose_correction([effect(), DIMMED, CENTRED], "class")
    assert choice.name == "centre"
    assert choice.sentence == (
        "Centring by scene gives the best agreement with 'class' (AMI 0.62 instead of 0.50) and "
        "lowers the information that clusters share with the scene from 0.40 to 0.10."
    )


def test_choose__nothing_harmful():
    assert choose_correction([effect(), DIMMED, CENTRED], "class", ["centre"]).name == "brightness"
    only = choose_correction([effect(), CENTRED], "class", ["centre"])
    assert (only.name, only.sentence) == ("", "There is no correction to choose from.")
    assert choose_correction([effect()], "class").name == ""


def test_choose__none_raises_the_agreement():
    equal = effect("centre", "Centring by scene", scene=0.0, ami=0.504)
    choice = choose_correction([effect(), equal], "class")
    assert choice.name == ""
    assert choice.sentence == "No correction raises the agreement with 'class' (AMI 0.50)."
    missing = effect("centre", "Centring by scene", ami=None)
    assert choose_correction([effect(), missing], "class").name == ""


def test_choose__equal_agreement_by_the_share():
    sharp = effect("sharpness", "Removing sharpness", sharpness=0.1, ami=0.6)
    assert choose_correction([effect(), DIMMED, sharp], "class").name == "sharpness"


@pytest.mark.parametrize(
    ("scene", "end"),
    [
        (0.4, "and does not change the information that clusters share with the scene (0.40)."),
        (0.5, "and raises the information that clusters share with the scene from 0.40 to 0.50."),
        (None, "(AMI 0.80 instead of 0.50)."),
    ],
)
def test_choose__share_that_is_not_lowered(scene, end):
    mask = effect("mask", "Masking the background", scene=scene, ami=0.8)
    assert choose_correction([effect(), mask], "class").sentence.endswith(end)


def test_choose__confounder_that_is_not_measured():
    sentence = choose_correction([effect(), TURNED], "class").sentence
    assert sentence.endswith("'class' (AMI 0.70 instead of 0.50).")


def test_choose__without_attribute_by_share_and_stability():
    unstable = effect("centre", "Centring by scene", scene=0.1, stability=0.6)
    choice = choose_correction([effect(), unstable, DIMMED, TURNED], "")
    assert choice.name == "brightness"
    assert choice.sentence == (
        "Removing brightness lowers the information that clusters share with brightness from 0.30 "
        "to 0.25, with clusters at least as stable (stability 0.70 instead of 0.70)."
    )
    assert choose_correction([effect(), unstable, TURNED], "").name == ""
    # The agreement cannot be measured either if the attribute has a single value.
    assert choose_correction([effect(ami=None), DIMMED], "class").name == "brightness"


def test_choose__without_stability():
    choice = choose_correction(
        [effect(stability=None), effect("mask", "Masking", scene=0.2, stability=None)], ""
    )
    assert choice.sentence == (
        "Masking lowers the information that clusters share with the scene from 0.40 to 0.20."
    )
