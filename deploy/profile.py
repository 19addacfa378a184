"""The Profile: one YAML file that says how to serve the model on given hardware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from deploy.engines import ENGINES, Command, Engine
from deploy.engines.arguments import to_argv
from deploy.engines.catalogue import Catalogue, load
from deploy.hardware import GpuName

Line = Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]
# JSON's values; what an option may hold is for the engine's catalogue to say.
Argument = bool | int | float | str | list[Any] | dict[str, Any] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EngineSpec(_Strict):
    """Which engine, and every option it is started with."""

    name: Literal["sglang", "vllm"] = Field(description="The serving engine.")
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+(\.?(post|rc|dev)\d+)?$")] = Field(
        description="The engine's version; its option catalogue checks the args."
    )
    image: Annotated[str, Field(pattern=r"^[\w.\-/:]+:[\w.\-]+(@sha256:[0-9a-f]{64})?$")] = Field(
        description="Container image, repository:tag@sha256:digest."
    )
    args: dict[str, Argument] = Field(
        description="The engine's own long options without the dashes. true: the bare flag; "
        "false or null: left out; list: repeated values; map: JSON."
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Environment variables for the engine."
    )


class HardwareSpec(_Strict):
    """What the profile runs on."""

    gpu: GpuName = Field(description="GPU product, or cpu.")
    count: Annotated[int, Field(ge=0)] = Field(description="GPUs per node; 0 for cpu.")
    nodes: Annotated[int, Field(ge=1)] = Field(default=1, description="Number of nodes.")


class Limits(_Strict):
    """What the deployment promises."""

    context_tokens: Annotated[int, Field(gt=0)] = Field(
        description="Longest prompt plus answer, in tokens."
    )
    drain_seconds: Annotated[float, Field(gt=0)] = Field(
        description="How long requests in flight may take to finish after a stop signal."
    )
    ttft_p99_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Time to the first token that 99 of 100 requests keep."
    )
    itl_p99_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Time between tokens that 99 of 100 tokens keep."
    )
    error_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share of requests that may fail or be wrong, at most."
    )


class Evidence(_Strict):
    """Where the choices come from, and what they were verified on."""

    sources: Annotated[list[Line], Field(min_length=1)] = Field(
        description="Where each choice comes from."
    )
    verified_on: list[Line] = Field(
        description="Hardware and version on which somebody ran this profile; empty says nobody."
    )


class Profile(_Strict):
    """How to serve the model on given hardware; everything else is derived from it."""

    summary: Line = Field(description="The purpose, in one line.")
    engine: EngineSpec
    hardware: HardwareSpec
    limits: Limits
    evidence: Evidence

    @property
    def driver(self) -> Engine:
        """What the bundle knows of the profile's engine."""
        return ENGINES[self.engine.name]

    @property
    def catalogue(self) -> Catalogue | None:
        """The options of the profile's engine version, where they are known."""
        return load(self.engine.name, self.engine.version)

    @property
    def model(self) -> str:
        """The model's path or repository id."""
        return str(self.argument(self.driver.model_option))

    @property
    def served_model_name(self) -> str:
        """The name that requests use."""
        name = self.argument("served-model-name") or self.model
        return str(name[0] if isinstance(name, list) else name)

    @property
    def host(self) -> str:
        """The address the server binds."""
        return str(self.argument("host") or self.driver.default_host)

    @property
    def port(self) -> int:
        """The port the server binds."""
        value = self.argument("port")
        return self.driver.default_port if value is None else int(value)

    def argument(self, name: str) -> Any:
        """The value of one engine option under any of its spellings; None where not given."""
        return self.engine.args.get(self._spelling(name))

    def with_argument(self, name: str, value: Argument) -> Profile:
        """This profile with one engine option set, in the place and spelling it already has."""
        args = {**self.engine.args, self._spelling(name): value}
        engine = self.engine.model_copy(update={"args": args})
        return self.model_copy(update={"engine": engine})

    def command(self) -> Command:
        """The command that starts the engine: the same for a shell, an image and a chart."""
        engine, args = self.driver, self.engine.args
        start = ("python3", "-m", engine.module, *engine.subcommand)
        if engine.model_first:
            model = self._spelling(engine.model_option)
            args = {key: value for key, value in args.items() if key != model}
            start = (*start, self.model)
        return Command(start, tuple(to_argv(args)), self.engine.env, self.engine.image)

    def _spelling(self, name: str) -> str:
        """The spelling of an engine option that is in use here; ``name`` itself where none is."""
        option = self.catalogue.find(name) if self.catalogue else None
        spellings = option.spellings if option else (name,)
        return next((key for key in spellings if key in self.engine.args), name)


def field_at(path: Sequence[str | int]) -> FieldInfo | None:
    """The schema's field at a key path; None where the path leads out of it."""
    model: Any = Profile
    field: FieldInfo | None = None
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return field


def keys_at(path: Sequence[str | int]) -> list[str]:
    """The keys the schema knows at a key path; none where it is not a fixed map."""
    field = field_at(path)
    model = field.annotation if field else None if path else Profile
    return list(getattr(model, "model_fields", ()))
