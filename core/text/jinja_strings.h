// String operations shared by filters and methods; all keep the provenance of every byte.
#pragma once
#include <string_view>
#include <vector>

#include "text/jinja_interpreter.h"

namespace retort::text::jinja {

enum class Case { lower, upper, capital, title };
/// The text in another case, code point by code point.
Value changeCase(Interpreter& in, const Value& text, Case to);
/// `old` replaced by `with`, at most `count` times (-1: all); an empty `old` matches between all characters.
Value replaceText(Interpreter& in, const Value& text, const Value& old, const Value& with, std::int64_t count);
/// Without whitespace (or the characters of `chars`, unless null or none) at the chosen ends.
Value stripText(Interpreter& in, const Value& text, const Value* chars, bool left, bool right);
/// Pieces of [begin, end) as a value.
Value sliceBytes(Interpreter& in, const Value& text, std::size_t begin, std::size_t end);
Value joinText(Interpreter& in, const std::vector<Value>& parts, const Value& separator);
/// Lines as Python's str.splitlines has them, without their ends.
std::vector<Value> splitLines(Interpreter& in, const Value& text);
Value escapeHtml(Interpreter& in, const Value& text);

}  // namespace retort::text::jinja
