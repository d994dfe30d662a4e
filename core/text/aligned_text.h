// Text under way from its source to tokens, with the place in the source where each of its bytes ends.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace retort::text {

/// A view of text. Without `ends` byte i comes from source byte base + i; with it, byte i ends at source offset ends[i].
struct AlignedText {
  std::string_view text;
  std::size_t base = 0;                  ///< source offset where the text begins
  const std::size_t* ends = nullptr;
  bool first = true;                     ///< the text begins where the whole input begins

  /// Source offset behind the first `n` bytes.
  [[nodiscard]] std::size_t sourceAt(std::size_t n) const {
    if (n == 0) return base;
    return ends ? ends[n - 1] : base + n;
  }
  [[nodiscard]] AlignedText sub(std::size_t begin, std::size_t end) const {
    return {text.substr(begin, end - begin), sourceAt(begin), ends ? ends + begin : nullptr, first && begin == 0};
  }
};

/// Text that a step has rewritten; `ends` is filled only where somebody asks for places (`tracked`).
struct OwnedText {
  std::string text;
  std::vector<std::size_t> ends;
  std::size_t base = 0;
  bool tracked = false, first = true;

  OwnedText(const AlignedText& like, bool track) : base(like.base), tracked(track), first(like.first) { text.reserve(like.text.size() + 8); }
  /// Adds bytes that all end at one place of the source.
  void add(std::string_view bytes, std::size_t sourceEnd) {
    text += bytes;
    if (tracked) ends.insert(ends.end(), bytes.size(), sourceEnd);
  }
  /// Adds bytes [begin, end) of `from` as they are.
  void copy(const AlignedText& from, std::size_t begin, std::size_t end) {
    text += from.text.substr(begin, end - begin);
    if (tracked)
      for (std::size_t i = begin; i < end; ++i) ends.push_back(from.sourceAt(i + 1));
  }
  [[nodiscard]] AlignedText view() const { return {text, base, tracked ? ends.data() : nullptr, first}; }
};

}  // namespace retort::text
