// Rollouts on disk.
#include "engine/rollouts.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/files.h"

namespace retort::engine {
namespace {

std::vector<std::int64_t> madeSteps(const fs::path& folder) {
  std::vector<std::int64_t> steps;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().stem().string();
    std::int64_t step = 0;
    const auto [at, ec] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (ec == std::errc() && at == name.data() + name.size() && it->path().extension() == ".json") steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace

std::vector<std::uint8_t> learnUntilEnd(const std::vector<text::TokenId>& ids, const std::vector<text::TokenId>& ends) {
  std::vector<std::uint8_t> learn(ids.size(), 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    learn[i] = 1;
    if (std::find(ends.begin(), ends.end(), ids[i]) != ends.end()) break;
  }
  return learn;
}

EncodedRow rolloutRow(const EncodedRow& prompt, const Generated& generated, const std::vector<text::TokenId>& ends) {
  const std::vector<std::uint8_t> learnt = learnUntilEnd(generated.ids, ends);
  EncodedRow row;
  row.index = prompt.index;
  row.id = prompt.id;
  row.weight = prompt.weight;
  row.promptLength = prompt.promptLength;
  row.ids.assign(prompt.ids.begin(), prompt.ids.begin() + prompt.promptLength);
  row.ids.insert(row.ids.end(), generated.ids.begin(), generated.ids.end());
  row.learn.assign(static_cast<std::size_t>(prompt.promptLength), 0);
  row.learn.insert(row.learn.end(), learnt.begin(), learnt.end());
  if (!prompt.teacherIds.empty()) {          // the same answer behind the teacher's prompt
    const auto first = std::find(prompt.teacherLearn.begin(), prompt.teacherLearn.end(), std::uint8_t{1}) - prompt.teacherLearn.begin();
    row.teacherIds.assign(prompt.teacherIds.begin(), prompt.teacherIds.begin() + first);
    row.teacherIds.insert(row.teacherIds.end(), generated.ids.begin(), generated.ids.end());
    row.teacherLearn.assign(static_cast<std::size_t>(first), 0);
    row.teacherLearn.insert(row.teacherLearn.end(), learnt.begin(), learnt.end());
  }
  return row;
}

Status saveRollouts(const fs::path& folder, const Rollouts& rollouts, std::int64_t keepFrom) {
  RETORT_CHECK(makeFolders(folder));
  Json items = Json::array();
  for (const auto& r : rollouts.items)
    items.push_back({{"step", r.step}, {"row", r.row.index}, {"prompt", r.row.promptLength}, {"ids", r.row.ids}, {"log_probs", r.logProbs}, {"ended", r.ended}});
  RETORT_CHECK(writeJsonFile(folder / (std::to_string(rollouts.made) + ".json"), {{"schema", "retort.rollouts/1"}, {"made", rollouts.made}, {"until", rollouts.until}, {"items", items}}));
  const auto steps = madeSteps(folder);
  std::error_code ignored;
  for (std::size_t i = 0; i + 1 < steps.size() && steps[i + 1] <= keepFrom; ++i) fs::remove(folder / (std::to_string(steps[i]) + ".json"), ignored);
  return {};
}

Result<Rollouts> loadRollouts(const fs::path& folder, std::int64_t step, std::int64_t from, const std::vector<EncodedRow>& rows, const std::vector<text::TokenId>& ends) {
  Rollouts found;
  const auto steps = madeSteps(folder);
  for (auto it = steps.rbegin(); it != steps.rend() && found.made < 0; ++it) {
    if (*it > step) continue;
    if (*it < from) break;
    RETORT_TRY(const Json json, readJsonFile(folder / (std::to_string(*it) + ".json"), 1u << 30));
    if (json.value("until", std::int64_t{0}) <= step) break;
    std::map<std::int64_t, const EncodedRow*> byIndex;
    for (const auto& row : rows) byIndex[row.index] = &row;
    for (const auto& item : json["items"]) {
      const auto prompt = byIndex.find(item["row"].get<std::int64_t>());
      if (prompt == byIndex.end()) return Error{"engine.rollouts.foreign", "The student's stored answers are of other rows", folder.string(), "row " + item["row"].dump() + " is not in the dataset", "start a new run", {}, {}};
      Rollout r;
      r.step = item["step"].get<std::int64_t>();
      Generated generated;
      const auto ids = item["ids"].get<std::vector<std::int32_t>>();
      generated.ids.assign(ids.begin() + prompt->second->promptLength, ids.end());
      r.row = rolloutRow(*prompt->second, generated, ends);
      r.logProbs = item["log_probs"].get<std::vector<float>>();
      r.ended = item["ended"].get<bool>();
      found.items.push_back(std::move(r));
    }
    found.made = *it;
    found.until = json["until"].get<std::int64_t>();
  }
  return found;
}

}  // namespace retort::engine
