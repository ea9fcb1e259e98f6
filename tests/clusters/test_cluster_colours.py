from app.widgets import palette
from core.clusters.cluster_colours import NOISE_COLOUR, Look, cluster_colour


def test_look__choices_of_the_user_before_the_defaults():
    look = Look({1: "ferries"}, {2: "#123456"})
    assert [look.name(i) for i in (0, 1, -1, -2)] == ["Cluster 0", "ferries", "Noise", "Excluded"]
    assert [look.colour(i) for i in (1, 2, -1)] == [cluster_colour(1), "#123456", NOISE_COLOUR]


def test_cluster_colours__the_app_has_no_others():
    assert palette.cluster_colour is cluster_colour
    assert palette.Look is Look
