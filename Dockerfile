# The image of web, worker and beat: each container runs one line of the Procfile.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json
WORKDIR /app

# --build-arg REQUIREMENTS=requirements-s3.txt adds what copies of exports to S3 need.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-s3.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements.txt --requirement "$REQUIREMENTS"

COPY . .
# Secrets that the environment does not give are made once in this folder: keep it on a volume.
RUN useradd --create-home optout && install -d -o optout -g optout -m 700 var
USER optout
VOLUME /app/var
EXPOSE 8000

CMD ["honcho", "start", "--no-prefix", "web"]
