// Every value of an exported file against the student's, within what its type can err. Names and row order are worked out here
// anew, not taken from the writer, so that a fault of the writer shows.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "models/model_source.h"

namespace retort::exports {

struct TensorReport {
  bool ok = false;
  std::int64_t tensors = 0;
  std::string worst;                       ///< tensor with the largest relative error
  double worstError = 0;                   ///< its RMSE over the RMS of its values
  std::string firstBad;                    ///< "blk.0.attn_q.weight, value 17: 0.25 instead of 0.125 (Q8_0 errs by at most …)"
};

/// Of a GGUF file; q and k rows of llama and smollm3 are expected in the order for interleaved pairs.
Result<TensorReport> compareGguf(const std::filesystem::path& file, const models::ModelSource& student, const ProgressFn& progress = {}, std::stop_token stop = {});
/// Of a Hugging Face folder.
Result<TensorReport> compareFolder(const std::filesystem::path& folder, const models::ModelSource& student, const ProgressFn& progress = {}, std::stop_token stop = {});

}  // namespace retort::exports
