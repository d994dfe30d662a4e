// Which dialect a teacher speaks, and what that dialect must know of the teacher.
#pragma once
#include "providers/dialect.h"
#include "providers/teacher.h"

namespace retort::providers {

[[nodiscard]] inline const Dialect& dialectOf(Kind kind) {
  switch (kind) {
    case Kind::openaiResponses: return responsesDialect();
    case Kind::anthropic: return anthropicDialect();
    case Kind::bedrock: return converseDialect();
    case Kind::ollama: return ollamaDialect();
    default: return chatDialect();
  }
}

[[nodiscard]] inline DialectContext contextOf(const Teacher& teacher) {
  DialectContext c;
  c.model = teacher.model;
  c.capabilities = teacher.capabilities;
  c.extra = teacher.extra.is_object() ? teacher.extra : Json::object();
  c.isPlainOpenAi = teacher.kind == Kind::openai;
  c.contextTokens = teacher.contextTokens;
  return c;
}

}  // namespace retort::providers
