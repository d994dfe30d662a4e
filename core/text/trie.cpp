// Builds the trie breadth first from sorted entries, without recursion.
#include "text/trie.h"

namespace retort::text {

Trie::Trie(std::vector<std::pair<std::string_view, std::int32_t>> entries) {
  std::erase_if(entries, [](const auto& entry) { return entry.first.empty(); });
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Range {
    std::uint32_t node;
    std::size_t begin, end, depth;
  };
  m_nodes.resize(1);
  std::vector<Range> todo{{0, 0, entries.size(), 0}};
  for (std::size_t next = 0; next < todo.size(); ++next) {
    const Range range = todo[next];
    std::size_t i = range.begin;
    for (; i < range.end && entries[i].first.size() == range.depth; ++i)
      if (m_nodes[range.node].value < 0) m_nodes[range.node].value = entries[i].second;
    m_nodes[range.node].firstChild = static_cast<std::uint32_t>(m_nodes.size());
    while (i < range.end) {
      const char byte = entries[i].first[range.depth];
      std::size_t j = i;
      while (j < range.end && entries[j].first[range.depth] == byte) ++j;
      const auto node = static_cast<std::uint32_t>(m_nodes.size());
      m_nodes.push_back({0, 0, -1, static_cast<unsigned char>(byte)});
      if (range.depth == 0) m_root[static_cast<unsigned char>(byte)] = node;
      todo.push_back({node, i, j, range.depth + 1});
      i = j;
    }
    m_nodes[range.node].children = static_cast<std::uint32_t>(m_nodes.size()) - m_nodes[range.node].firstChild;
  }
}

}  // namespace retort::text
