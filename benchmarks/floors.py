"""The least that could do the job: what our own code is measured against."""

import hashlib
import hmac

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

SECRET = b"floor"


@csrf_exempt
def check_and_insert(request: HttpRequest) -> HttpResponse:
    """A bare view: check an HMAC over the body and commit one INSERT."""
    expected = hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-signature", "")):
        return HttpResponse(status=403)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_floor (body) VALUES (%s)", [request.body.decode()])
    return HttpResponse("{}", content_type="application/json")


class SelectOne(APIView):
    """A REST framework view with the API's own authentication that runs one SELECT."""

    scopes = {"POST": "check"}

    def post(self, request: Request) -> Response:
        tenant_id, asked = getattr(request.auth, "tenant_id", None), dict(request.data)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM compliance_recipient WHERE tenant_id = %s AND number = %s",
                [tenant_id, asked["recipients"][0]],
            )
            return Response({"found": cursor.fetchone() is not None})
