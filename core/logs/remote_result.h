// Result files of engines, read row by row.
#pragma once
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace retort::logs {

/// A table whose first row names the columns; quotes around every value, nothing at all for NULL (the form of Athena's results). Each
/// row as an object of texts and nulls; false stops.
Status readResultCsv(const std::filesystem::path& file, const std::function<Result<bool>(Json row)>& take);
/// One JSON object a line; false stops. The first line that is none is an error with its text: engines say there what went wrong.
Status readResultLines(const std::filesystem::path& file, const std::string& source, const std::function<Result<bool>(std::string_view row)>& take);

}  // namespace retort::logs
