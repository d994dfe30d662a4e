// Parses a template's tokens to its tree, under the limits on size and nesting.
#pragma once
#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/jinja_ast.h"

namespace retort::text::jinja {

/// Errors have code "text.template.syntax" (or ".limit", ".utf8") and name template, line and column.
Result<std::unique_ptr<Program>> parseProgram(std::string_view source, std::string_view where);

}  // namespace retort::text::jinja
