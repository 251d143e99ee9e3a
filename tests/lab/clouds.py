"""Does to stand-ins of clouds what a cloud does: writes objects, grows blobs, sends messages.

usage: clouds.py ENDPOINT

Reads a JSON object a line from standard input, {"do": NAME, ...}, and answers with one a line.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

endpoint = sys.argv[1].rstrip("/")


def aws(service):
    import boto3
    import botocore.config

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
        config=botocore.config.Config(retries={"max_attempts": 1}),
    )


clients = {}


def client(service):
    if service not in clients:
        clients[service] = aws(service)
    return clients[service]


def bucket(bucket):
    client("s3").create_bucket(Bucket=bucket)


def put(bucket, key, body):
    # What reads for Google signs nothing here.
    client("s3").put_object(Bucket=bucket, Key=key, Body=base64.b64decode(body), ACL="public-read")


def queue(name, bucket=None):
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    if bucket:
        events = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
        client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [events]}
        )
    return url


def send(url, text):
    client("sqs").send_message(QueueUrl=url, MessageBody=text)


def left(url):
    """Messages that were not deleted: such as are to be received, and such as are hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(found[name]) for name in names]


def strict():
    """From now on, requests must be signed with keys that are known."""
    request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", method="POST")
    request.add_header("Content-Type", "text/plain")
    urllib.request.urlopen(request).read()


def azure(account, key, method, path, query=None, body=b"", headers=None):
    """A request that is signed with the key of the account (Shared Key)."""
    query, headers = query or {}, dict(headers or {})
    headers["x-ms-date"] = email.utils.formatdate(usegmt=True)
    headers["x-ms-version"] = "2021-08-06"
    canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    resource = f"/{account}/{account}{path}"
    resource += "".join(f"\n{name}:{query[name]}" for name in sorted(query))
    length = str(len(body)) if body else ""
    kind = "application/octet-stream" if method == "PUT" else ""
    lines = [method, "", "", length, "", kind, "", "", "", "", "", ""]
    text = "\n".join(lines) + "\n" + canonical + resource
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    if kind:
        headers["Content-Type"] = kind
    url = f"{endpoint}/{account}{path}"
    if query:
        url += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, data=body if method == "PUT" else None, method=method)
    for name, value in headers.items():
        request.add_header(name, value)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def container(account, key, name):
    azure(account, key, "PUT", f"/{name}", {"restype": "container"})


def blocks(account, key, container, blob, all):
    """Writes a blob of these blocks, as Azure does each minute: what is there already is named again."""
    path = f"/{container}/{urllib.parse.quote(blob)}"
    listed = ""
    for number, block in enumerate(all):
        octets = base64.b64decode(block)
        # The same octets have the same name.
        name = base64.b64encode(f"{number:04}{hashlib.md5(octets).hexdigest()}".encode()).decode()
        azure(account, key, "PUT", path, {"comp": "block", "blockid": name}, octets)
        listed += f"<Latest>{name}</Latest>"
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    azure(account, key, "PUT", path, {"comp": "blocklist"}, body)


does = {f.__name__: f for f in [bucket, put, queue, send, left, strict, container, blocks]}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": does[request.pop("do")](**request)}
    except urllib.error.HTTPError as error:
        answer = {"error": f"{error}: {error.read().decode(errors='replace')}"}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
