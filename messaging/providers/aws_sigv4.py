"""AWS Signature Version 4, for the one kind of call that we make: a JSON body, POSTed.

Our own, because the library that has it, botocore, weighs 25 MB and knows four hundred services; the scheme is old,
published and frozen, and the tests hold this against botocore.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Whoever calls, and where: the access key, its secret, the region and the service as it is named in signatures."""

    access_key_id: str
    secret_access_key: str
    region: str
    service: str

    def sign(self, address: str, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, str]:
        """The headers of a POST to an address without a query, with those that sign them. now: in UTC."""
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "host": urlsplit(address).netloc, "x-amz-date": stamp}
        names = ";".join(sorted(signed))
        request = "\n".join(
            [
                "POST",
                quote(urlsplit(address).path or "/", safe="/-_.~"),
                "",
                *(f"{name}:{signed[name].strip()}" for name in sorted(signed)),
                "",
                names,
                hashlib.sha256(body).hexdigest(),
            ]
        )
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
        signature = hmac.digest(self._key(stamp[:8]), text.encode(), "sha256").hex()
        credential = f"Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": f"{ALGORITHM} {credential}"}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
