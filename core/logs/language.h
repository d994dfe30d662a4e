// The language of a text, by script and by its commonest words; a guess that says nothing rather than something wrong.
#pragma once
#include <string_view>

namespace retort::logs {

/// ISO 639-1 code; empty when the text is too short or too mixed to tell. Looks at the first 1 KiB.
[[nodiscard]] std::string_view languageOf(std::string_view text);

}  // namespace retort::logs
