"""Routes that serve the points of a plot by key, from the app's own origin, else a 404."""

from starlette.requests import Request
from starlette.responses import Response

from app.explore import point_shelf
from app.map.tile_routes import HEADERS, WHOLE_NUMBER, serve_nothing
from core.errors import ChipscapeError


def serve_numbers(request: Request) -> Response:
    """Return an array of all points, such as their positions, ``/chipscape/numbers/{key}``."""
    key = request.path_params["key"]
    content = point_shelf.numbers.get(key)
    if content is None:
        return serve_nothing(request)
    return Response(content, media_type="application/octet-stream", headers=HEADERS)


def serve_point(request: Request) -> Response:
    """Return the description and the image of a chip, ``/chipscape/points/{key}/{row}``."""
    key, row = request.path_params["key"], str(request.path_params["row"])
    details = point_shelf.details.get(key)
    if details is None or not WHOLE_NUMBER.fullmatch(row) or int(row) >= len(details.texts):
        return serve_nothing(request)
    try:
        return Response(details.describe(int(row)), media_type="application/json", headers=HEADERS)
    except ChipscapeError:
        return serve_nothing(request)
