// Running `aws` to its end.
#include "logs/aws_program.h"

#include "base/error.h"
#include "base/format.h"
#include "logs/remote_run.h"

namespace retort::logs {

Result<Finished> runAws(std::vector<std::string> args, std::stop_token stop) {
  Command command;
  command.program = "aws";
  command.args = std::move(args);
  command.env = {{"AWS_PAGER", ""}};
  command.unsetEnv = keysOfOthers();
  auto finished = runCommand(command, {}, stop, std::size_t(2) << 30);
  if (stop.stop_requested()) return cancelledError("Waiting for aws");
  const auto missing = [&](std::string detail) {
    return Error{"logs.s3.noaws", "AWS cannot be asked", {}, "the program aws was not found", "Install the AWS command line and sign in with it, or copy the logs here and import the folder.", std::move(detail), {}};
  };
  if (!finished.ok()) return missing(finished.error().text());
  if (finished->exitCode == 127) return missing(finished->err);
  if (finished->exitCode != 0) {
    const auto words = trimmed(finished->err);
    return Error{"logs.s3.failed", "aws could not do its work", join({command.args.begin(), command.args.begin() + 2}, " "), shown(words.empty() ? "it ended with code " + std::to_string(finished->exitCode) : std::string(words)),
                 "Run the same command in a terminal, or sign in anew.", {}, {}};
  }
  return finished;
}

}  // namespace retort::logs
