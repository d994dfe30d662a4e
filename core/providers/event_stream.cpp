// Lengths are checked against their limits before anything is allocated or read by them.
#include "providers/event_stream.h"

#include <array>
#include <optional>
#include <set>

#include "providers/sse.h"

namespace retort::providers {
namespace {

std::uint64_t bigEndian(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void putBigEndian(std::string& out, std::uint64_t value, std::size_t width) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 255));
}

Error frameError(const char* reason, const std::string& why) {
  return Error{std::string("providers.frame.") + reason, "The event stream is damaged", {}, why, "Ask again; if it stays, a proxy on the way changes the bytes.", {}, {}};
}

/// Bytes of a fixed-width header value; 0 for those with a length of their own.
constexpr std::array<std::size_t, 10> kWidths = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

Result<std::vector<FrameHeader>> parseHeaders(std::string_view bytes) {
  std::vector<FrameHeader> headers;
  std::set<std::string, std::less<>> names;
  std::size_t at = 0;
  const auto has = [&](std::size_t n) { return bytes.size() - at >= n; };
  while (at < bytes.size()) {
    FrameHeader h;
    const std::size_t nameLength = static_cast<unsigned char>(bytes[at++]);
    if (nameLength == 0 || !has(nameLength + 1)) return frameError("header", "a header's name does not fit");
    h.name = bytes.substr(at, nameLength);
    at += nameLength;
    h.type = static_cast<std::uint8_t>(bytes[at++]);
    if (h.type > 9) return frameError("header", "a header has an unknown type");
    if (!names.insert(h.name).second) return frameError("header", "a header occurs twice");
    std::size_t width = kWidths[h.type];
    if (h.type == 6 || h.type == 7) {
      if (!has(2)) return frameError("header", "a header's value does not fit");
      width = static_cast<std::size_t>(bigEndian(bytes, at, 2));
      at += 2;
    }
    if (!has(width)) return frameError("header", "a header's value does not fit");
    if (h.type <= 1) {
      h.value = h.type == 0;
    } else if (h.type <= 5 || h.type == 8) {
      const std::uint64_t raw = bigEndian(bytes, at, width);
      const unsigned shift = static_cast<unsigned>(64 - 8 * width);
      h.value = static_cast<std::int64_t>(raw << shift) >> shift;   // the sign of the narrow type
    } else {
      h.value = std::string(bytes.substr(at, width));
    }
    at += width;
    headers.push_back(std::move(h));
  }
  return headers;
}

}  // namespace

std::uint32_t crc32Of(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t c = 0xFFFFFFFFu;
  for (const char b : bytes) c = table[(c ^ static_cast<unsigned char>(b)) & 255] ^ (c >> 8);
  return c ^ 0xFFFFFFFFu;
}

std::string_view Frame::text(std::string_view name) const {
  for (const auto& h : headers)
    if (h.name == name && h.type == 7) return std::get<std::string>(h.value);
  return {};
}

Status EventStreamParser::feed(std::string_view bytes) {
  m_total += bytes.size();
  if (m_total > m_maxTotal) return tooLongError("a body", m_maxTotal);
  m_buffer.append(bytes);
  std::size_t used = 0;
  for (;;) {
    const std::string_view rest = std::string_view(m_buffer).substr(used);
    if (rest.size() < 12) break;
    if (crc32Of(rest.substr(0, 8)) != bigEndian(rest, 8, 4)) return frameError("crc", "the check of a frame's head does not agree");
    const std::uint64_t total = bigEndian(rest, 0, 4), headers = bigEndian(rest, 4, 4);
    if (headers > kMaxFrameHeaders || total < 16 + headers || total - 16 - headers > kMaxFramePayload) return frameError("length", "a frame gives a length that cannot be");
    if (rest.size() < total) break;
    const auto length = static_cast<std::size_t>(total);
    if (crc32Of(rest.substr(0, length - 4)) != bigEndian(rest, length - 4, 4)) return frameError("crc", "the check of a frame does not agree");
    Frame frame;
    RETORT_TRY(frame.headers, parseHeaders(rest.substr(12, static_cast<std::size_t>(headers))));
    frame.payload = rest.substr(12 + static_cast<std::size_t>(headers), length - 16 - static_cast<std::size_t>(headers));
    used += length;
    RETORT_CHECK(m_frame(std::move(frame)));
  }
  m_buffer.erase(0, used);
  return {};
}

Status EventStreamParser::finish() const {
  if (m_buffer.empty()) return {};
  return frameError("cut", "the stream ends inside a frame");
}

std::string encodeFrame(const Frame& frame) {
  std::string headers;
  for (const auto& h : frame.headers) {
    headers.push_back(static_cast<char>(h.name.size()));
    headers.append(h.name).push_back(static_cast<char>(h.type));
    if (h.type == 6 || h.type == 7) putBigEndian(headers, std::get<std::string>(h.value).size(), 2);
    if (h.type == 6 || h.type == 7 || h.type == 9) headers.append(std::get<std::string>(h.value));
    else if (h.type > 1) putBigEndian(headers, static_cast<std::uint64_t>(std::get<std::int64_t>(h.value)), kWidths[h.type]);
  }
  std::string out;
  putBigEndian(out, 16 + headers.size() + frame.payload.size(), 4);
  putBigEndian(out, headers.size(), 4);
  putBigEndian(out, crc32Of(out), 4);
  out.append(headers).append(frame.payload);
  putBigEndian(out, crc32Of(out), 4);
  return out;
}

}  // namespace retort::providers
