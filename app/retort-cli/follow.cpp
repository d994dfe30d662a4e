// Following and steering one folder of work.
#include "app/retort-cli/follow.h"

#include <cmath>
#include <thread>

#include "base/clock.h"
#include "base/format.h"
#include "run/run_list.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::cli {
namespace {

struct Target {
  Workspace workspace;
  std::filesystem::path folder;
};

/// The workspace and the folder named by the one argument, for runs or for jobs by the noun of the call.
Result<Target> targetOf(const Context& context, const Args& args) {
  RETORT_TRY(auto workspace, context.workspace());
  if (args.positional().size() != 1)
    return Error{"cli.argument.count", context.noun + " " + context.verb + " needs exactly one id or name", {}, {}, "See: retort-cli " + context.noun + " list", {}, {}};
  RETORT_TRY(auto folder, context.noun == "run" ? run::findRun(workspace, args.positional()[0]) : run::findJob(workspace, args.positional()[0]));
  return Target{std::move(workspace), std::move(folder)};
}

int exitOf(job::Phase phase) { return phase == job::Phase::done ? done : phase == job::Phase::stopped ? cancelled : failed; }

void printState(const Context& context, const std::filesystem::path& folder, const job::State& state) {
  context.print(folder.filename().string() + "  " + stateSentence(state));
  if (state.error.is_object()) context.print(job::errorFromJson(state.error).text());
  Json json = job::toJson(state);
  json["id"] = folder.filename().string();
  context.printJson(json);
}

std::string eventLine(const job::Event& e) {
  std::string line = isoUtc(e.ts * 1000, true) + "  " + e.type;
  for (const auto& [key, value] : e.body.items()) {
    if (key == "seq" || key == "attempt" || key == "ts" || key == "t" || key == "type") continue;
    const std::string text = value.is_number_float() ? formatNumber(value.get<double>(), std::abs(value.get<double>()) < 0.01 ? 6 : 4) : value.is_string() ? shown(value.get<std::string>()) : shown(value.dump());
    line += "  " + key + "=" + text;
  }
  return line;
}

int control(Context& context, const Args& args, std::string_view word) {
  const auto target = targetOf(context, args);
  if (!target.ok()) return context.fail(target.error());
  const auto state = job::observedState(target->folder);
  if (!state.ok()) return context.fail(state.error());
  if (job::isFinal(state->phase))
    return context.fail({"job.control.ended", target->folder.filename().string() + " has ended already", {}, "its phase is " + std::string(job::phaseName(state->phase)),
                         state->phase == job::Phase::done ? "" : "Go on with it by: retort-cli " + context.noun + " resume " + target->folder.filename().string(), {}, {}});
  // A queued or interrupted folder has no process that would read the word: it ends here.
  if (word.starts_with("stop") && !job::isActive(state->phase)) {
    auto folder = job::JobFolder::open(target->folder);
    if (!folder.ok()) return context.fail(folder.error());
    if (auto ended = folder->finish(job::Phase::stopped); !ended.ok()) return context.fail(ended.error());
  } else if (auto sent = job::sendControl(target->folder, word); !sent.ok()) {
    return context.fail(sent.error());
  }
  context.print("Sent " + std::string(word) + " to " + target->folder.filename().string());
  context.printJson({{"id", target->folder.filename().string()}, {"sent", word}});
  return done;
}

}  // namespace

std::string stateSentence(const job::State& s) {
  std::string out(job::phaseName(s.phase));
  if (!s.stage.empty()) out += ", " + s.stage;
  if (s.of > 0) out += ", step " + formatCount(s.step) + " of " + formatCount(s.of);
  if (s.secondsLeft > 0) out += ", " + formatDuration(s.secondsLeft) + " left";
  return out;
}

int followStatus(Context& context, const Args& args) {
  const auto target = targetOf(context, args);
  if (!target.ok()) return context.fail(target.error());
  const auto state = job::observedState(target->folder);
  if (!state.ok()) return context.fail(state.error());
  printState(context, target->folder, *state);
  return done;
}

int followTail(Context& context, const Args& args) {
  const auto target = targetOf(context, args);
  if (!target.ok()) return context.fail(target.error());
  LineTail tail(target->folder / "events.jsonl");
  // With --json the events are one array, an event a line, so that a reader may take them as they come.
  std::size_t count = 0;
  const auto end = [&](int code) {
    if (context.json) std::fputs(count == 0 ? "[]\n" : "\n]\n", stdout);
    return code;
  };
  const auto broken = [&](const Error& error) {
    std::fprintf(stderr, "retort-cli: %s\n", error.text().c_str());
    return end(failed);
  };
  for (bool last = false;;) {
    const auto polled = tail.poll([&](std::string_view line) {
      const auto event = job::parseEvent(line);
      if (!event) return;
      if (context.json) std::printf("%s%.*s", count++ == 0 ? "[\n" : ",\n", int(line.size()), line.data());
      else context.print(eventLine(*event));
    });
    if (!polled.ok()) return broken(polled.error());
    std::fflush(stdout);
    const auto state = job::observedState(target->folder);
    if (!state.ok()) return broken(state.error());
    if (last) return end(exitOf(state->phase));
    if (context.stop.stop_requested()) return end(cancelled);
    last = job::isFinal(state->phase);  // one more poll, for what was written between the two looks
    if (!last) std::this_thread::sleep_for(std::chrono::milliseconds(150));
  }
}

int followWait(Context& context, const Args& args) {
  const auto target = targetOf(context, args);
  if (!target.ok()) return context.fail(target.error());
  const auto state = run::waitForEnd(target->workspace, target->folder, context.progress(), context.stop);
  if (!state.ok()) {
    if (isCancelled(state.error())) context.note("It goes on in the background; see it with: retort-cli " + context.noun + " status " + target->folder.filename().string());
    return context.fail(state.error());
  }
  printState(context, target->folder, *state);
  return exitOf(state->phase);
}

int followPause(Context& context, const Args& args) { return control(context, args, "pause"); }

int followStop(Context& context, const Args& args) { return control(context, args, args.has("--discard") ? "stop-discard" : "stop-save"); }

int followResume(Context& context, const Args& args) {
  const auto target = targetOf(context, args);
  if (!target.ok()) return context.fail(target.error());
  if (auto queued = run::requeue(target->folder); !queued.ok()) return context.fail(queued.error());
  if (auto started = run::ensureSupervisor(target->workspace); !started.ok()) return context.fail(started.error());
  context.print("Resumed " + target->folder.filename().string());
  context.printJson({{"id", target->folder.filename().string()}, {"resumed", true}});
  return done;
}

}  // namespace retort::cli
