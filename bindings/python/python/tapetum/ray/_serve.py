"""A deployment for Ray Serve: encrypted rows in, encrypted scores out."""

from concurrent.futures import ThreadPoolExecutor

from ..errors import Error
from ..server import Server


class _Classifier:
    """Classifies bodies of requests, some at a time."""

    def __init__(self, dir, model, threads):
        self._server = Server.load(dir, threads=threads)
        self._model = model if not isinstance(model, str) else self._server.read(model)
        self._pool = ThreadPoolExecutor(max(1, threads or 1))

    def classify(self, bodies):
        """The scores of each body, or an error for it alone."""
        return list(self._pool.map(self._classify, bodies))

    def _classify(self, body):
        try:
            rows = self._server._native.read_bytes(body)
            model = getattr(self._model, "_native", None) or self._model._model
            return 200, self._server._native.decision_function(model, rows).to_bytes()
        except (Error, TypeError) as error:
            return 400, str(error).encode()


def classifier(dir, model, *, threads=1, max_batch_size=8, batch_wait_timeout_s=0.01, max_body=1 << 28, **options):
    """An application for Ray Serve: ``serve.run(tapetum.ray.classifier("server", model))``.

    A request's body is a file of encrypted rows, the answer's the file of their scores.

    Parameters
    ----------
    dir : str
        A server's directory, on every node that has a replica: ``owner.save(..., server=dir)``.
    model : PlainModel or str
        A model in the clear, or the path of an encrypted one on every such node.
    threads : int, default=1
        Processors of a replica.
    max_batch_size : int, default=8
        Requests that a replica computes together.
    batch_wait_timeout_s : float, default=0.01
        How long it waits for them.
    max_body : int, default=2**28
        Bytes of a body, at most.
    **options
        Of Ray Serve's deployment, such as ``num_replicas`` or ``autoscaling_config``. A replica lets in two batches of
        requests, ``max_ongoing_requests=2 * max_batch_size``, so that one fills while the other is computed.

    Returns
    -------
    ray.serve.Application
    """
    from ray import serve
    from starlette.requests import Request
    from starlette.responses import Response

    class Classifier:
        def __init__(self):
            self._classifier = _Classifier(dir, model, threads)
            self._largest = 0

        async def largest_batch(self):
            """The most requests that this replica computed together so far."""
            return self._largest

        @serve.batch(max_batch_size=max_batch_size, batch_wait_timeout_s=batch_wait_timeout_s)
        async def _batch(self, bodies):
            import asyncio

            self._largest = max(self._largest, len(bodies))
            return await asyncio.to_thread(self._classifier.classify, bodies)

        async def __call__(self, request: Request):
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_body:
                    return Response(f"a body has at most {max_body} bytes", 413)
            status, content = await self._batch(body)
            return Response(content, status, media_type="application/octet-stream" if status == 200 else "text/plain")

    # Ray lets 5 in unless told, whatever the size of a batch.
    options.setdefault("max_ongoing_requests", 2 * max_batch_size)
    return serve.deployment(Classifier, ray_actor_options={"num_cpus": threads}, **options).bind()
