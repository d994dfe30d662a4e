// A tree of depth four: system, number of tokens, first token, groups.
#include "logs/family_tree.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/hash.h"
#include "logs/mask.h"

namespace retort::logs {

namespace {

std::string joined(std::span<const std::string_view> tokens) {
  std::string out;
  for (const auto token : tokens) {
    if (!out.empty()) out += ' ';
    out += token;
  }
  return out;
}

bool isMasked(std::string_view token) { return token.find(kMask) != std::string_view::npos; }

/// The first or last tokens as a key; empty where there are too few or one is masked.
std::string edgeOf(const std::vector<std::string_view>& tokens, bool isFirst) {
  if (tokens.size() < FamilyTree::kEdge) return {};
  const auto edge = isFirst ? std::span(tokens).first(FamilyTree::kEdge) : std::span(tokens).last(FamilyTree::kEdge);
  return std::any_of(edge.begin(), edge.end(), isMasked) ? std::string() : joined(edge);
}

/// 64 bits stand for a token: 64 groups of 256 tokens are compared for one record. What varies is 0 and equals nothing.
std::vector<std::uint64_t> hashesOf(const std::vector<std::string_view>& tokens) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(tokens.size());
  for (const auto token : tokens) hashes.push_back(token == kMask ? 0 : XXH3_64bits(token.data(), token.size()) | 1);
  return hashes;
}

std::size_t equalPlaces(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] && b[i] != 0;
  return equal;
}

std::string firstKey(const std::vector<std::string_view>& tokens) {
  if (tokens.empty()) return {};
  return isMasked(tokens[0]) ? std::string(kMask) : std::string(tokens[0]);
}

}  // namespace

std::string familyId(std::string_view system, std::string_view founder) {
  return Sha256().update(std::string_view("family/1\n")).update(system).update(std::string_view("\n")).update(founder).hex().substr(0, 12);
}
std::string systemId(std::string_view system) { return sha256Hex(system).substr(0, 12); }

std::string FamilyTree::Group::id() const { return isOther ? "other" : familyId(*systemText, founder); }

std::string FamilyTree::Group::tmpl() const {
  auto tokens = templateTokens(founder);
  for (std::size_t i = 0; i < tokens.size() && i < hashes.size(); ++i)
    if (hashes[i] == 0) tokens[i] = kMask;
  return joined(tokens);
}

FamilyTree::System& FamilyTree::systemOf(std::string_view text) {
  const auto [it, isNew] = m_byText.emplace(std::string(text), m_systems.size());
  if (isNew) {
    m_systems.push_back(std::make_unique<System>());
    m_systems.back()->text = text;
  }
  return *m_systems[it->second];
}

void FamilyTree::list(System& system, std::size_t group, const std::vector<std::string_view>& founder) {
  auto& leaf = system.leaves[{founder.size(), firstKey(founder)}];
  if (leaf.groups.empty()) ++system.firstTokens[founder.size()];
  leaf.groups.push_back(group);
  ++system.count;
  if (auto edge = edgeOf(founder, true); !edge.empty()) system.byFirst.emplace(std::move(edge), group);
  if (auto edge = edgeOf(founder, false); !edge.empty()) system.byLast.emplace(std::move(edge), group);
}

std::int64_t FamilyTree::found(System& system, std::size_t index, const std::vector<std::string_view>& tokens, bool isOther) {
  Group group;
  group.code = static_cast<std::int64_t>(m_groups.size()) + 1;
  group.system = index;
  group.systemText = &system.text;
  group.isOther = isOther;
  group.isChanged = true;
  if (!isOther) {
    group.founder = joined(tokens);
    group.hashes = hashesOf(tokens);
  }
  m_groups.push_back(std::move(group));
  if (isOther) system.other = m_groups.back().code;
  else list(system, m_groups.size() - 1, tokens);
  return m_groups.back().code;
}

std::int64_t FamilyTree::place(std::string_view systemText, std::string_view user) {
  System& system = systemOf(systemText);
  const std::size_t index = m_byText[system.text];
  const auto tokens = templateTokens(user);
  const auto hashes = hashesOf(tokens);
  const auto leaf = system.leaves.find({tokens.size(), firstKey(tokens)});
  if (leaf != system.leaves.end()) {
    std::size_t best = 0, bestGroup = 0;
    bool hasBest = false;
    for (const auto g : leaf->second.groups) {
      const Group& group = m_groups[g];
      const std::size_t equal = equalPlaces(group.hashes, hashes);
      if (!hasBest || equal > best) best = equal, bestGroup = g, hasBest = true;
    }
    if (hasBest && best * 2 >= tokens.size()) {
      Group& group = m_groups[bestGroup];
      for (std::size_t i = 0; i < tokens.size(); ++i)
        if (group.hashes[i] != hashes[i] && group.hashes[i] != 0) group.hashes[i] = 0, group.isChanged = true;
      return group.code;
    }
  }
  if (const auto edge = edgeOf(tokens, true); !edge.empty())
    if (const auto known = system.byFirst.find(edge); known != system.byFirst.end()) return m_groups[known->second].code;
  if (const auto edge = edgeOf(tokens, false); !edge.empty())
    if (const auto known = system.byLast.find(edge); known != system.byLast.end()) return m_groups[known->second].code;
  const bool isFull = system.count >= kSystemGroups || (leaf != system.leaves.end() ? leaf->second.groups.size() >= kLeafGroups : system.firstTokens[tokens.size()] >= kFirstTokens);
  if (isFull) return system.other > 0 ? system.other : found(system, index, tokens, true);
  return found(system, index, tokens, false);
}

void FamilyTree::restore(std::string_view systemText, std::string_view founder, std::string_view tmpl, bool isOther) {
  System& system = systemOf(systemText);
  const auto tokens = templateTokens(founder);
  found(system, m_byText[system.text], tokens, isOther);
  Group& group = m_groups.back();
  const auto wide = templateTokens(tmpl);
  if (wide.size() == tokens.size()) group.hashes = hashesOf(wide);
  group.isChanged = false;
}

}  // namespace retort::logs
