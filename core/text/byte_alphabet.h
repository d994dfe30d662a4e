// The alphabet of byte-level vocabularies: 256 printable characters, one for each byte (the map GPT-2 introduced).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace retort::text {

/// The character (as UTF-8) that stands for a byte.
[[nodiscard]] std::string_view letterOfByte(unsigned char byte);
/// The bytes a vocabulary entry stands for; nullopt when it holds a character that stands for no byte.
[[nodiscard]] std::optional<std::string> bytesOfLetters(std::string_view letters);
[[nodiscard]] std::string lettersOfBytes(std::string_view bytes);

}  // namespace retort::text
