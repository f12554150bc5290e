# The image of web, worker and beat: each container runs one line of the Procfile.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json
WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements.txt

COPY . .
# Secrets that the environment does not give are made once in this folder: keep it on a volume.
RUN useradd --create-home optout && install -d -o optout -g optout -m 700 var
USER optout
VOLUME /app/var
EXPOSE 8000

CMD ["honcho", "start", "web"]
