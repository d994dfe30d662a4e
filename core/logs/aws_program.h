// The user's own `aws`: run without a shell, its words in errors.
#pragma once
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"

namespace retort::logs {

/// Errors "logs.s3.noaws" without the program, "logs.s3.failed" with its words, and the cancelled error.
Result<Finished> runAws(std::vector<std::string> args, std::stop_token stop);

}  // namespace retort::logs
