// Talking to `aws s3api list-objects-v2` and `aws s3 cp`.
#include "logs/s3_source.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/json.h"
#include "logs/aws_program.h"
#include "logs/source_list.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kHour = 3'600'000'000;

struct Listing {
  std::vector<std::string> folders;
  std::vector<S3Object> objects;
};

Result<Listing> list(const S3Place& place, const std::string& prefix, bool isDeep, std::stop_token stop) {
  std::vector<std::string> args = {"s3api", "list-objects-v2", "--bucket", place.bucket, "--prefix", prefix, "--output", "json"};
  if (!isDeep) args.insert(args.end(), {"--delimiter", "/"});
  RETORT_TRY(const auto finished, runAws(std::move(args), stop));
  Listing listing;
  if (trimmed(finished.out).empty()) return listing;   // nothing there: aws prints nothing
  RETORT_TRY(const auto json, parseJson(finished.out, "the listing of aws"));
  if (const auto folders = json.find("CommonPrefixes"); folders != json.end() && folders->is_array())
    for (const auto& folder : *folders) listing.folders.push_back(folder.value("Prefix", ""));
  if (const auto contents = json.find("Contents"); contents != json.end() && contents->is_array())
    for (const auto& object : *contents)
      listing.objects.push_back({object.value("Key", ""), object.value("Size", std::int64_t(0)), parseIsoTime(object.value("LastModified", "")).value_or(0) * 1000});
  return listing;
}

std::string_view parentOf(std::string_view key) {
  const auto slash = key.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : key.substr(0, slash + 1);
}

bool isDataFolder(std::string_view folder) { return folder.ends_with("/data/") || folder == "data/"; }

struct Walk {
  const S3Place& place;
  std::optional<std::int64_t> since, until;
  std::stop_token stop;
  const ProgressFn& progress;
  std::vector<S3Object> found{};

  void take(std::vector<S3Object> objects) {
    for (auto& object : objects) {
      const auto range = rangeOfKey(parentOf(object.key));
      if (range && !meets(*range)) continue;
      if (object.size > 0 && isLogObject(object.key)) found.push_back(std::move(object));
    }
    if (progress) progress({"Listing objects", static_cast<std::int64_t>(found.size()), 0, "objects", -1});
  }
  [[nodiscard]] bool meets(const std::pair<std::int64_t, std::int64_t>& range) const { return (!since || range.second > *since) && (!until || range.first < *until); }
  [[nodiscard]] bool isInside(const std::pair<std::int64_t, std::int64_t>& range) const { return (!since || range.first >= *since) && (!until || range.second <= *until); }

  Status folder(const std::string& prefix, int depth) {
    const auto range = rangeOfKey(prefix);
    // Folders that lie wholly in range are listed at once; others step by step, so that no hour outside is opened.
    const bool isDeep = (!since && !until) || (range && isInside(*range));
    RETORT_TRY(auto listing, list(place, prefix, isDeep, stop));
    take(std::move(listing.objects));
    if (depth > 32) return {};
    for (const auto& inner : listing.folders) {
      const auto its = rangeOfKey(inner);
      if (isDataFolder(inner) || (its && !meets(*its))) continue;
      RETORT_CHECK(folder(inner, depth + 1));
    }
    return {};
  }
};

}  // namespace

std::optional<S3Place> parseS3(std::string_view url) {
  constexpr std::string_view kScheme = "s3:/";   // a path object may have folded the slashes
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  while (url.starts_with('/')) url.remove_prefix(1);
  const auto slash = url.find('/');
  S3Place place{std::string(url.substr(0, slash)), slash == std::string_view::npos ? std::string() : std::string(url.substr(slash + 1))};
  if (place.bucket.empty()) return std::nullopt;
  return place;
}

std::optional<std::pair<std::int64_t, std::int64_t>> rangeOfKey(std::string_view key) {
  constexpr std::string_view kFolder = "BedrockModelInvocationLogs/";
  const auto at = key.find(kFolder);
  if (at == std::string_view::npos) return std::nullopt;
  const auto parts = splitView(key.substr(at + kFolder.size()), '/');   // region, then the date
  int numbers[4] = {0, 1, 1, 0};
  static constexpr std::size_t kDigits[4] = {4, 2, 2, 2};
  std::size_t n = 0;
  for (; n < 4 && n + 1 < parts.size(); ++n) {
    const auto part = parts[n + 1];
    if (part.size() != kDigits[n]) break;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), numbers[n]);
    if (error != std::errc() || end != part.data() + part.size()) break;
  }
  if (n == 0) return std::nullopt;
  using namespace std::chrono;
  auto year0 = year(numbers[0]);
  auto date = year0 / static_cast<unsigned>(numbers[1]) / static_cast<unsigned>(numbers[2]);
  if (!date.ok() || numbers[3] > 23) return std::nullopt;
  const auto micros = [](const year_month_day& d) { return duration_cast<microseconds>(sys_days(d).time_since_epoch()).count(); };
  const auto begin = micros(date) + (n == 4 ? numbers[3] * kHour : 0);
  const auto end = n == 1 ? micros((year0 + years(1)) / 1 / 1) : n == 2 ? micros(year_month_day((year_month(date.year(), date.month()) + months(1)) / 1)) : n == 3 ? begin + 24 * kHour : begin + kHour;
  return std::pair(begin, static_cast<std::int64_t>(end));
}

Result<std::vector<S3Object>> listS3(const S3Place& place, std::optional<std::int64_t> sinceUs, std::optional<std::int64_t> untilUs, std::stop_token stop, const ProgressFn& progress) {
  Walk walk{place, sinceUs, untilUs, stop, progress};
  RETORT_CHECK(walk.folder(place.prefix, 0));
  std::sort(walk.found.begin(), walk.found.end(), [](const S3Object& a, const S3Object& b) { return a.key < b.key; });
  walk.found.erase(std::unique(walk.found.begin(), walk.found.end(), [](const S3Object& a, const S3Object& b) { return a.key == b.key; }), walk.found.end());
  return std::move(walk.found);
}

Status fetchS3(const S3Place& place, const std::vector<S3Object>& objects, bool isWholeFolder, const fs::path& target, std::stop_token stop) {
  if (objects.empty()) return {};
  const std::string parent(parentOf(objects[0].key));
  for (const auto part : splitView(parent, '/'))
    if (part == "..") return Error{"logs.s3.key", "An object is left out", shown(objects[0].key), "its key would leave the folder", "Rename the object.", {}, {}};
  const fs::path folder = target / fs::path(parent).relative_path();
  RETORT_CHECK(makeFolders(folder));
  constexpr std::size_t kMostNames = 200;   // of one command line
  for (std::size_t at = 0; at < objects.size(); at += isWholeFolder ? objects.size() : kMostNames) {
    std::vector<std::string> args = {"s3", "cp", "s3://" + place.bucket + "/" + parent, folder.string(), "--recursive", "--only-show-errors"};
    if (!isWholeFolder) {
      args.insert(args.end(), {"--exclude", "*", "--include", "data/*"});
      for (std::size_t i = at; i < std::min(objects.size(), at + kMostNames); ++i) args.insert(args.end(), {"--include", objects[i].key.substr(parent.size())});
    }
    RETORT_TRY(const auto finished, runAws(std::move(args), stop));
    (void)finished;
  }
  return {};
}

}  // namespace retort::logs
