// Parquet, through the user's own `duckdb`: its rows as JSON lines.
#pragma once
#include <filesystem>
#include <memory>

#include "logs/byte_source.h"

namespace retort::logs {

/// The rows of a Parquet file in their order. Error "logs.parquet.noduckdb" without the program.
Result<std::unique_ptr<ByteSource>> openParquet(const std::filesystem::path& file);

}  // namespace retort::logs
