// What the files of `run …` share.
#pragma once
#include "app/retort-cli/cli.h"
#include "job/run_spec.h"

namespace retort::cli {

/// The spec file of a call, with its --set fields.
Result<job::RunSpec> readSpec(const Args& args);

}  // namespace retort::cli
