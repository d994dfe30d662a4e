// SHA-256 (FIPS 180-4), written here because the worker links no OpenSSL; and hex.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort {

class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;
  Sha256();
  Sha256& update(std::string_view bytes);
  Sha256& update(std::span<const std::byte> bytes);
  [[nodiscard]] Digest digest();       ///< ends the hash; use once
  [[nodiscard]] std::string hex();     ///< digest as 64 lower-case hex digits; use once

 private:
  void block(const std::uint8_t* p);
  std::array<std::uint32_t, 8> m_state;
  std::array<std::uint8_t, 64> m_buffer;
  std::uint64_t m_length = 0;
};

[[nodiscard]] std::string sha256Hex(std::string_view bytes);
/// SHA-256 of a file, streamed.
Result<std::string> sha256File(const std::filesystem::path& path, std::stop_token stop = {});
[[nodiscard]] std::string toHex(std::span<const std::uint8_t> bytes);
/// Bytes of an even number of hex digits; nothing else is accepted.
Result<std::string> fromHex(std::string_view hex);

}  // namespace retort
