"""SignalWire: Twilio's dialect, signed by the words of its documentation."""

import base64
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from tests.providers.kit_twilio import TwilioKit


class SignalWireKit(TwilioKit):
    slug = "signalwire"

    def settings(self, secret: int = 1) -> dict[str, Any]:
        project = "00000000-0000-4000-8000-0000000000aa"
        return {"account_sid": project, "auth_token": f"PT{secret}", "signing_key": f"PSK{secret}"}

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace")
        signed = address + "".join(name + value for name, value in sorted(fields, key=lambda field: field[0]))
        signature = hmac.digest(self.settings(secret)["signing_key"].encode(), signed.encode(), "sha1")
        return {"x-signalwire-signature": base64.b64encode(signature).decode()}


KIT = SignalWireKit()
