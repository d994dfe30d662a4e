// Numbers and texts one after the other in bytes, little-endian, and read back without trust.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace retort::logs {

class PackedWriter {
 public:
  template <typename T>
  PackedWriter& put(T value) {
    m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  PackedWriter& put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    m_bytes += text;
    return *this;
  }
  std::string take() { return std::move(m_bytes); }

 private:
  std::string m_bytes;
};

class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : m_bytes(bytes) {}
  /// False, and nothing is read, where the bytes end early.
  template <typename T>
  bool get(T& value) {
    if (m_bytes.size() < sizeof value) return false;
    std::memcpy(&value, m_bytes.data(), sizeof value);
    m_bytes.remove_prefix(sizeof value);
    return true;
  }
  bool get(std::string_view& text) {
    std::uint32_t size = 0;
    if (!get(size) || m_bytes.size() < size) return false;
    text = m_bytes.substr(0, size);
    m_bytes.remove_prefix(size);
    return true;
  }
  [[nodiscard]] bool isEmpty() const { return m_bytes.empty(); }

 private:
  std::string_view m_bytes;
};

}  // namespace retort::logs
