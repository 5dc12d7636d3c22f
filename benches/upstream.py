"""An API that answers every list of jobs with the same finished jobs.

    python3 benches/upstream.py PORT JOBS

One job has one table, which makes some twenty series.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, JOBS = int(sys.argv[1]), int(sys.argv[2])
NOW = datetime.now(timezone.utc)


def job(index):
    started = NOW - timedelta(minutes=10, seconds=index / 10)
    return {
        "id": f"isj-20240701-{index:05}-6dcXdk",
        "workflow_id": f"wf-20240701-{index:05}-3kPq",
        "tables": [
            {
                "table_name": f"Table_{index % 40}",
                "feed_id": "df-5xJ2k",
                "state": "succeeded",
                "read": 1000 + index * 7,
                "inserted": 900 + index * 5,
                "updated": index * 2,
                "rejected": index % 13,
                "errors": index % 5,
                "started_at": started.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "ended_at": (started + timedelta(seconds=60 + index % 600)).strftime(
                    "%Y-%m-%dT%H:%M:%S.000Z"
                ),
                "files": [],
            }
        ],
    }


BODY = json.dumps({"data": [job(index) for index in range(JOBS)]}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
