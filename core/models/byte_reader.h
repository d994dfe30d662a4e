// Little-endian values out of untrusted bytes: every read is checked against the window at hand and against the whole file.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace retort::models {

/// a + b and a * b that tell when they do not fit 64 bits.
[[nodiscard]] inline bool checkedAdd(std::uint64_t a, std::uint64_t b, std::uint64_t& out) { return !__builtin_add_overflow(a, b, &out); }
[[nodiscard]] inline bool checkedMultiply(std::uint64_t a, std::uint64_t b, std::uint64_t& out) { return !__builtin_mul_overflow(a, b, &out); }

/// Reads from the first bytes of a file of `total` bytes. A read past the window but inside the file is `needsMore` (map more
/// and start again); a read past the file is `pastEnd`. After either, every further read fails too.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> window, std::uint64_t total) : m_window(window), m_total(total) {}

  [[nodiscard]] std::uint64_t at() const { return m_at; }
  [[nodiscard]] std::uint64_t left() const { return m_total - m_at; }   ///< bytes of the file still unread
  [[nodiscard]] bool needsMore() const { return m_needsMore; }
  [[nodiscard]] bool pastEnd() const { return m_pastEnd; }
  [[nodiscard]] bool failed() const { return m_needsMore || m_pastEnd; }

  bool bytes(std::uint64_t count, std::span<const std::byte>& out) {
    if (failed()) return false;
    if (count > left()) return m_pastEnd = true, false;
    if (m_at > m_window.size() || count > m_window.size() - m_at) return m_needsMore = true, false;
    out = m_window.subspan(static_cast<std::size_t>(m_at), static_cast<std::size_t>(count));
    m_at += count;
    return true;
  }

  template <typename T>
    requires std::is_arithmetic_v<T>
  bool value(T& out) {
    static_assert(std::endian::native == std::endian::little, "Retort reads model files in place");
    std::span<const std::byte> raw;
    if (!bytes(sizeof(T), raw)) return false;
    std::memcpy(&out, raw.data(), sizeof(T));
    return true;
  }

 private:
  std::span<const std::byte> m_window;
  std::uint64_t m_total, m_at = 0;
  bool m_needsMore = false, m_pastEnd = false;
};

}  // namespace retort::models
