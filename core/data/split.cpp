// Splitting by whole groups, by shares or along the time line.
#include "data/split.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/clock.h"
#include "base/format.h"
#include "base/random.h"

namespace retort::data {
namespace {

Error badSplit(std::string_view text, std::string why) {
  return Error{"data.split.text", "The split \"" + shown(text) + "\" cannot be used", {}, std::move(why), "Write 80/10/10, or time:2026-03-01,2026-03-08.", {}, {}};
}

std::string shareText(double value) {
  std::string text = formatNumber(value, 3);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

void splitByTime(const std::vector<SplitRow>& rows, const std::vector<bool>& inTrainOnly, const SplitSpec& spec, SplitResult& result) {
  std::vector<Part> earliest(inTrainOnly.size(), Part::dropped);
  const auto partOf = [&](std::int64_t time) { return time < *spec.validationFromUs ? Part::train : time < *spec.testFromUs ? Part::validation : Part::test; };
  for (const auto& row : rows)
    if (row.timeUs) earliest[row.group] = std::min(earliest[row.group], partOf(*row.timeUs));
  for (const auto& row : rows) {
    Part part = Part::dropped;
    if (!row.timeUs) ++result.withoutTime;
    else if (part = partOf(*row.timeUs); part != earliest[row.group]) part = Part::dropped, ++result.crossing;
    else if (part != Part::train && inTrainOnly[row.group]) part = Part::dropped, ++result.heldForGolden;
    result.parts.push_back(part);
  }
}

}  // namespace

Result<SplitSpec> parseSplit(std::string_view text) {
  SplitSpec spec;
  if (text.starts_with("time:")) {
    const auto times = splitView(text.substr(5), ',');
    if (times.size() != 2) return badSplit(text, "two times are needed: where validation begins and where test begins");
    spec.validationFromUs = parseIsoTime(trimmed(times[0]));
    spec.testFromUs = parseIsoTime(trimmed(times[1]));
    if (!spec.validationFromUs || !spec.testFromUs) return badSplit(text, "a time is not in ISO 8601");
    if (*spec.testFromUs < *spec.validationFromUs) return badSplit(text, "the test part begins before the validation part");
    return spec;
  }
  const auto parts = splitView(text, '/');
  if (parts.size() != 3) return badSplit(text, "three shares are needed: train, validation, test");
  for (auto [part, share] : {std::pair{parts[0], &spec.train}, {parts[1], &spec.validation}, {parts[2], &spec.test}}) {
    part = trimmed(part);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), *share);
    if (error != std::errc() || end != part.data() + part.size() || !(*share >= 0 && *share <= 1e6)) return badSplit(text, "\"" + shown(part) + "\" is no share");
  }
  if (spec.train <= 0) return badSplit(text, "nothing would be left to train on");
  return spec;
}

std::string printSplit(const SplitSpec& spec) {
  if (spec.isByTime()) return "time:" + isoUtc(*spec.validationFromUs) + "," + isoUtc(*spec.testFromUs);
  return shareText(spec.train) + "/" + shareText(spec.validation) + "/" + shareText(spec.test);
}

SplitResult splitRows(const std::vector<SplitRow>& rows, const std::vector<std::string>& groupNames, const std::vector<bool>& inTrainOnly,
                      const SplitSpec& spec, std::uint64_t seed) {
  SplitResult result;
  if (spec.isByTime()) {
    splitByTime(rows, inTrainOnly, spec, result);
    return result;
  }
  std::vector<std::size_t> sizes(groupNames.size());
  for (const auto& row : rows) ++sizes[row.group];
  std::vector<std::uint32_t> order(groupNames.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return groupNames[a] < groupNames[b]; });
  Random random(seed, "split");
  random.shuffle(order);
  const double total = spec.train + spec.validation + spec.test, n = static_cast<double>(rows.size());
  // At least one row where a part is wanted; whole groups may overshoot by less than a group.
  const auto wanted = [&](double share) { return share > 0 ? std::max<std::size_t>(1, static_cast<std::size_t>(n * share / total + 0.5)) : 0; };
  std::size_t test = wanted(spec.test), validation = wanted(spec.validation);
  std::vector<Part> partOf(groupNames.size(), Part::train);
  for (const std::uint32_t group : order) {
    if (sizes[group] == 0) continue;
    if (inTrainOnly[group]) {
      result.heldForGolden += sizes[group];
      continue;
    }
    // A group that is larger than what a part still wants would distort it; train takes it.
    if (sizes[group] <= test) partOf[group] = Part::test, test -= sizes[group];
    else if (sizes[group] <= validation) partOf[group] = Part::validation, validation -= sizes[group];
  }
  for (const auto& row : rows) result.parts.push_back(partOf[row.group]);
  return result;
}

}  // namespace retort::data
