"""The pydantic model that a command is. Type checkers see it without `validate`.

pydantic has an old class method of that name, with which no verb `validate` of a command would agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

if TYPE_CHECKING:

    @dataclass_transform(
        kw_only_default=True, frozen_default=True, field_specifiers=(Field, PrivateAttr)
    )
    class Model:
        """What users of a command need of a pydantic model."""

        model_config: ClassVar[ConfigDict]
        model_fields: ClassVar[dict[str, Any]]
        model_extra: dict[str, Any] | None
        __pydantic_core_schema__: ClassVar[Any]

        @classmethod
        def model_validate(cls, obj: Any, **settings: Any) -> Self: ...
        @classmethod
        def model_validate_json(cls, json_data: str | bytes, **settings: Any) -> Self: ...
        @classmethod
        def model_json_schema(cls, **settings: Any) -> dict[str, Any]: ...
        @classmethod
        def model_rebuild(cls, **settings: Any) -> bool | None: ...
        @classmethod
        def model_construct(cls, **values: Any) -> Self: ...
        def __iter__(self) -> Iterator[tuple[str, Any]]: ...
        def model_dump(self, **settings: Any) -> dict[str, Any]: ...
        def model_dump_json(self, **settings: Any) -> str: ...
        def model_copy(
            self, *, update: Mapping[str, Any] | None = None, deep: bool = False
        ) -> Self: ...
        def model_post_init(self, context: Any, /) -> None: ...


else:
    Model = BaseModel
