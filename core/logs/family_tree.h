// Families of prompts, family/1: prompts of one system whose templates agree in at least half of their places.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retort::logs {

class FamilyTree {
 public:
  struct Group {
    std::int64_t code = 0;                   ///< from 1, in order of founding
    std::size_t system = 0;                  ///< into systems()
    std::string founder;                     ///< tokens of its first record, joined by blanks
    std::vector<std::uint64_t> hashes;       ///< of the founder's tokens; 0 for what varies since
    bool isChanged = false;                  ///< since the last time it was stored
    bool isOther = false;                    ///< what found no place in the system's groups
    const std::string* systemText = nullptr; ///< masked
    [[nodiscard]] std::string id() const;    ///< 12 hex digits; of `other`: "other"
    [[nodiscard]] std::string tmpl() const;  ///< the founder with <*> where its records differ
  };

  /// The group of a prompt, by masked system text and masked last user turn; founds one when it fits none.
  std::int64_t place(std::string_view system, std::string_view user);
  /// Puts back a stored group, in order of code.
  void restore(std::string_view system, std::string_view founder, std::string_view tmpl, bool isOther);
  [[nodiscard]] std::vector<Group>& groups() { return m_groups; }

  static constexpr std::size_t kLeafGroups = 64, kFirstTokens = 100, kSystemGroups = 4096, kEdge = 8;

 private:
  /// Where tokens lead: their number and the hash of the first, 0 for one that varies.
  struct Place {
    std::size_t count = 0;
    std::uint64_t first = 0;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const { return static_cast<std::size_t>(place.first ^ place.count * 0x9e3779b97f4a7c15u); }
  };
  struct TextHash {
    std::size_t operator()(std::string_view text) const;
  };
  /// A prompt as the tree compares it.
  struct Prompt {
    std::vector<std::string_view> tokens;
    std::vector<std::uint64_t> hashes;       ///< of the tokens; 0: <*>
    void read(std::string_view masked);
    [[nodiscard]] Place place() const;
    /// Hash of the first or last tokens; 0 where there are too few or one is masked.
    [[nodiscard]] std::uint64_t edge(bool isFirst) const;
  };
  struct System {
    std::string text;
    std::size_t index = 0;
    std::unordered_map<Place, std::vector<std::size_t>, PlaceHash> leaves;   ///< groups of at most kLeafGroups each
    std::unordered_map<std::size_t, std::size_t> firstTokens;        ///< distinct ones by token count
    std::unordered_map<std::uint64_t, std::size_t> byFirst, byLast;  ///< edges of founders
    std::size_t count = 0;
    std::int64_t other = 0;
  };
  System& systemOf(std::string_view text);
  std::int64_t found(System& system, const Prompt& prompt, bool isOther);
  void list(System& system, std::size_t group, const Prompt& founder);
  /// The oldest of the groups that agree in the most places, if these are at least half.
  [[nodiscard]] Group* closest(const std::vector<std::size_t>& leaf, const Prompt& prompt);
  std::vector<Group> m_groups;
  std::vector<std::unique_ptr<System>> m_systems;
  std::unordered_map<std::string_view, System*, TextHash> m_byText;   ///< keys lie in the systems
  Prompt m_prompt;                           ///< kept for its memory
};

/// 12 hex digits of the SHA-256 of "family/1" LF system LF founder.
[[nodiscard]] std::string familyId(std::string_view system, std::string_view founder);
/// 12 hex digits of the SHA-256 of a system prompt.
[[nodiscard]] std::string systemId(std::string_view system);

}  // namespace retort::logs
