// AWS's binary event stream (application/vnd.amazon.eventstream): frames with typed headers and two CRCs; trusts nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace retort::providers {

struct FrameHeader {
  std::string name;
  std::uint8_t type = 0;                               ///< 0..9 as on the wire
  std::variant<bool, std::int64_t, std::string> value; ///< true/false; integers and timestamps (ms); bytes, text, 16 bytes of a uuid
};

struct Frame {
  std::vector<FrameHeader> headers;
  std::string payload;
  /// The text of a string header; empty when it is missing or no text.
  [[nodiscard]] std::string_view text(std::string_view name) const;
};

inline constexpr std::uint32_t kMaxFrameHeaders = 128u << 10, kMaxFramePayload = 24u << 20;

/// Feed bytes cut anywhere; each whole frame is given once its CRCs agree. Errors: "providers.frame.crc", ".length", ".header", ".cut".
/// After an error the parser is spent.
class EventStreamParser {
 public:
  explicit EventStreamParser(std::function<Status(Frame&&)> frame, std::size_t maxTotal = 64u << 20) : m_frame(std::move(frame)), m_maxTotal(maxTotal) {}
  Status feed(std::string_view bytes);
  /// End of input: an unfinished frame is an error.
  Status finish() const;

 private:
  std::function<Status(Frame&&)> m_frame;
  std::string m_buffer;
  std::size_t m_total = 0, m_maxTotal;
};

/// Encodes one frame (for tests, fixtures and replays). Integers take the width of their type.
[[nodiscard]] std::string encodeFrame(const Frame& frame);
/// CRC-32 (IEEE 802.3), as both checks use it.
[[nodiscard]] std::uint32_t crc32Of(std::string_view bytes);

}  // namespace retort::providers
