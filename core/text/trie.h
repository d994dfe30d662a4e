// A trie of byte strings for "which entries begin here?", flat and sorted.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::text {

class Trie {
 public:
  Trie() = default;
  /// Entries are (text, value); empty texts are left out, of equal texts the first stays. Memory and time are linear in the bytes.
  explicit Trie(std::vector<std::pair<std::string_view, std::int32_t>> entries);

  [[nodiscard]] bool empty() const { return m_nodes.size() <= 1; }
  /// True when some entry begins with this byte.
  [[nodiscard]] bool startsWith(unsigned char byte) const { return !m_nodes.empty() && m_root[byte] != 0; }
  /// Calls found(length, value) for every entry that is a prefix of text, shortest first.
  template <typename F>
  void prefixes(std::string_view text, F&& found) const {
    if (text.empty() || m_nodes.empty()) return;
    std::uint32_t node = m_root[static_cast<unsigned char>(text[0])];
    for (std::size_t i = 0; node != 0;) {
      ++i;
      if (m_nodes[node].value >= 0) found(i, m_nodes[node].value);
      if (i == text.size()) return;
      node = child(node, static_cast<unsigned char>(text[i]));
    }
  }

 private:
  struct Node {
    std::uint32_t firstChild = 0, children = 0;   ///< children lie side by side, sorted by byte
    std::int32_t value = -1;
    unsigned char byte = 0;
  };
  [[nodiscard]] std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    const auto begin = m_nodes.begin() + m_nodes[node].firstChild;
    const auto end = begin + m_nodes[node].children;
    const auto it = std::lower_bound(begin, end, byte, [](const Node& n, unsigned char b) { return n.byte < b; });
    return it != end && it->byte == byte ? static_cast<std::uint32_t>(it - m_nodes.begin()) : 0;
  }
  std::vector<Node> m_nodes;
  std::uint32_t m_root[256] = {};
};

}  // namespace retort::text
