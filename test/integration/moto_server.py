"""moto's server on 127.0.0.1:PORT, with the requests to DynamoDB one at a time: moto checks a condition and writes
in two steps, so that of two threads both may pass."""

import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

one_at_a_time = threading.Lock()


def serving(app):
    def serve(environ, start_response):
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            with one_at_a_time:
                return app(environ, start_response)
        return app(environ, start_response)

    return serve


run_simple("127.0.0.1", int(sys.argv[1]), serving(DomainDispatcherApplication(create_backend_app)), threaded=True)
