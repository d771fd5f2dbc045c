#!/usr/bin/env python3
"""Forgotten passwords with a generated client (package `openapi_client` on PYTHONPATH), without credentials.

    with_client.py BASE forgot NAME
    with_client.py BASE reset NAME CODE      the new password in USERSD_PASSWORD
"""

import os
import sys

import openapi_client
from openapi_client import models

TIMEOUT = 20.0


def main(arguments):
    base, what, name, *rest = arguments
    with openapi_client.ApiClient(openapi_client.Configuration(host=f"{base}/api/v2")) as client:
        users = openapi_client.UsersApi(client)
        if what == "forgot":
            answer = users.user_forgot_password(name, _request_timeout=TIMEOUT)
            assert answer.message == "Check your email for the confirmation code", answer
        else:
            request = models.AdminResetPasswordRequest(code=rest[0], password=os.environ["USERSD_PASSWORD"])
            answer = users.user_reset_password(name, request, _request_timeout=TIMEOUT)
            assert answer.message == "Password reset successful", answer
        assert answer.error is None, answer


if __name__ == "__main__":
    main(sys.argv[1:])
