// Which rows train, which watch the training, and which judge it in the end.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::data {

enum class Part : std::uint8_t { train, validation, test, dropped };

/// "80/10/10" (shares, any positive numbers; a zero is allowed for validation or test) or "time:T1,T2" (validation from T1, test from T2).
struct SplitSpec {
  double train = 80, validation = 10, test = 10;
  std::optional<std::int64_t> validationFromUs, testFromUs;
  [[nodiscard]] bool isByTime() const { return validationFromUs.has_value(); }
};
Result<SplitSpec> parseSplit(std::string_view text);
[[nodiscard]] std::string printSplit(const SplitSpec& spec);

struct SplitRow {
  std::uint32_t group = 0;
  std::optional<std::int64_t> timeUs;
};
struct SplitResult {
  std::vector<Part> parts;          ///< by row
  std::size_t withoutTime = 0;      ///< dropped: a split by time cannot place them
  std::size_t crossing = 0;         ///< dropped: their group stands on an earlier side of the time line
  std::size_t heldForGolden = 0;    ///< kept out of validation and test because a golden example is like them
};

/// Whole groups go to one part. `inTrainOnly[group]`: groups with a golden example, which never judge. By shares: groups in seeded
/// order fill test, then validation, then train. By time: a row's own time decides, and rows of a group that already stands in an
/// earlier part are dropped.
[[nodiscard]] SplitResult splitRows(const std::vector<SplitRow>& rows, const std::vector<std::string>& groupNames,
                                    const std::vector<bool>& inTrainOnly, const SplitSpec& spec, std::uint64_t seed);

}  // namespace retort::data
