# The image of the pipeline's tasks on Kubeflow and of the command `taxiway`.
#
#     docker build --build-arg REVISION="$(git rev-parse HEAD)" -t registry.example/taxiway:1 .
#
# The base image, set only here. A tag can move to other content but a digest cannot, so print the
# digest of the tag,
#
#     docker buildx imagetools inspect python:3.10-slim-bookworm
#
# and append it to the tag here, as `@sha256:...`. The version is Python 3.10 because the newer TFX
# line of later Pythons requires a newer glibc than bookworm has.
ARG PYTHON=docker.io/library/python:3.10-slim-bookworm

# The locked packages change rarely, so they have a separate layer.
FROM ${PYTHON} AS dependencies
# pyfarmhash has no wheel, so installing it requires a compiler.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends g++
# The same version as in scripts/setup.sh.
ARG UV=0.13.9
RUN python -m venv /uv && \
    /uv/bin/python -m pip install --no-cache-dir "uv==${UV}"
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
COPY requirements.lock /build/requirements.lock
# Nothing here compiles against TensorFlow, so its headers, a fifth of the folder, are removed.
RUN /uv/bin/uv venv --python /usr/local/bin/python /opt/taxiway && \
    /uv/bin/uv pip install --python /opt/taxiway/bin/python --require-hashes --compile-bytecode --requirement /build/requirements.lock && \
    rm -r /opt/taxiway/lib/python3.10/site-packages/tensorflow/include

# Taxiway, as a folder that is copied over the dependencies.
FROM dependencies AS project
COPY . /build
# The lock includes setuptools, so building downloads nothing.
RUN /uv/bin/uv pip install --python /opt/taxiway/bin/python --prefix /overlay --no-deps --no-build-isolation --compile-bytecode /build

FROM ${PYTHON}
# Beam's job server, which submits work to a cluster, requires Java. Java's installation fails
# without the folder of manual pages, which slim images lack. Spark fails if the user has no name.
# This step comes before those that change with every commit, so new images share its layer.
RUN apt-get update && \
    mkdir -p /usr/share/man/man1 && \
    apt-get install --yes --no-install-recommends openjdk-17-jre-headless && \
    rm -r /var/lib/apt/lists/* && \
    echo "taxiway:x:65532:65532::/tmp:/usr/sbin/nologin" >>/etc/passwd
ARG PYTHON
ARG REVISION=unknown
LABEL org.opencontainers.image.title="taxiway" \
      org.opencontainers.image.description="A TFX pipeline whose blessed models, and only those, reach TensorFlow Serving" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON}"
COPY --from=dependencies /opt/taxiway /opt/taxiway
COPY --from=project /overlay /opt/taxiway
# The files that the settings name. Taxiway's code is installed; the image of a project with code of
# its own adds that code here, where the tasks import it from.
COPY taxiway.toml /taxiway/
COPY models/*.toml /taxiway/models/
COPY schema/*.toml schema/*.pbtxt /taxiway/schema/
# A user without an entry in /etc/passwd gets a name and a home from these variables.
ENV PATH=/opt/taxiway/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=taxiway
WORKDIR /taxiway
# TensorFlow Serving's pods read the tasks' files, so both have the same user.
USER 65532:65532
ENTRYPOINT ["taxiway"]
CMD ["--help"]
