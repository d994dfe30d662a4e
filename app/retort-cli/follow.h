// Verbs that follow or steer one job or run by its folder: status, tail, wait, pause, stop, resume.
#pragma once
#include "app/retort-cli/cli.h"
#include "job/job_folder.h"

namespace retort::cli {

int followStatus(Context& context, const Args& args);
int followTail(Context& context, const Args& args);
int followWait(Context& context, const Args& args);
int followPause(Context& context, const Args& args);
int followStop(Context& context, const Args& args);
int followResume(Context& context, const Args& args);

/// "queued", or "training, step 12 of 60, 1 min 5 s left".
[[nodiscard]] std::string stateSentence(const job::State& state);

}  // namespace retort::cli
