// Logs in object storage, through the user's own `aws`: listing only what is in range, fetching folders of new objects.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"

namespace retort::logs {

struct S3Place {
  std::string bucket, prefix;          ///< prefix without a leading slash, maybe empty
};
/// "s3://BUCKET/PREFIX" in its parts; nothing for any other text.
[[nodiscard]] std::optional<S3Place> parseS3(std::string_view url);

struct S3Object {
  std::string key;
  std::int64_t size = 0, modifiedNs = 0;
};

/// The hours [first, end) in microseconds that a key's date folders (…/YYYY, YYYY/MM, YYYY/MM/DD or YYYY/MM/DD/HH below a log folder's region)
/// stand for; nothing for keys without.
[[nodiscard]] std::optional<std::pair<std::int64_t, std::int64_t>> rangeOfKey(std::string_view key);

/// Log objects below a place, in order of key; spilled bodies and markers left out. With a range only folders that meet it are listed.
/// Errors: "logs.s3.noaws" without the program, "logs.s3.failed" with its words.
Result<std::vector<S3Object>> listS3(const S3Place& place, std::optional<std::int64_t> sinceUs, std::optional<std::int64_t> untilUs, std::stop_token stop = {}, const ProgressFn& progress = {});

/// Fetches objects of one folder (all keys have the same parent) below `target`, under their keys, with the spilled bodies beside them.
Status fetchS3(const S3Place& place, const std::vector<S3Object>& objects, bool isWholeFolder, const std::filesystem::path& target, std::stop_token stop = {});

}  // namespace retort::logs
