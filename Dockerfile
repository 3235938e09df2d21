# The image of the pipeline's tasks on Kubeflow, and of `taxiway` itself.
#
#     docker build --build-arg REVISION="$(git rev-parse HEAD)" -t registry.example/taxiway:1 .
#
# The one place that says what the image is made on. A tag can be moved to other bytes, a digest
# cannot. Ask the registry for the digest of the tag,
#
#     docker buildx imagetools inspect python:3.10-slim-bookworm
#
# and write it behind the tag here, as `@sha256:...`. Python 3.10, because the locks take the same
# line of TFX for it that set-up takes on a system as old as this one.
ARG PYTHON=docker.io/library/python:3.10-slim-bookworm

# What is locked: it changes seldom, so it has a layer of its own.
FROM ${PYTHON} AS dependencies
# One dependency, pyfarmhash, is compiled when it is installed.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends g++
# As in scripts/setup.sh.
ARG UV=0.13.9
RUN python -m venv /uv && \
    /uv/bin/python -m pip install --no-cache-dir "uv==${UV}"
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
COPY requirements.lock /build/requirements.lock
# Headers are for who compiles against TensorFlow: a fifth of it all.
RUN /uv/bin/uv venv --python /usr/local/bin/python /opt/taxiway && \
    /uv/bin/uv pip install --python /opt/taxiway/bin/python --require-hashes --compile-bytecode --requirement /build/requirements.lock && \
    rm -r /opt/taxiway/lib/python3.10/site-packages/tensorflow/include

# Taxiway itself, as a folder to lay over the other.
FROM dependencies AS project
COPY . /build
# setuptools is in the lock: building downloads nothing.
RUN /uv/bin/uv pip install --python /opt/taxiway/bin/python --prefix /overlay --no-deps --no-build-isolation --compile-bytecode /build

FROM ${PYTHON}
# Where a cluster does Beam's work, Beam's job server hands it over from here: that is Java. Its
# installation fails without the folder of manual pages, which slim images lack, and Spark without a
# name for the user. All this comes before what changes with each commit, so that a new image has
# the same layer.
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
# What the settings name. The code is installed: nothing here is imported.
COPY taxiway.toml /taxiway/
COPY models/*.toml /taxiway/models/
COPY schema/*.toml schema/*.pbtxt /taxiway/schema/
# Who runs it as another user, without an entry in /etc/passwd, has a name and a home all the same.
ENV PATH=/opt/taxiway/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=taxiway
WORKDIR /taxiway
# The same as TensorFlow Serving's pods, which read what the tasks write.
USER 65532:65532
ENTRYPOINT ["taxiway"]
CMD ["--help"]
