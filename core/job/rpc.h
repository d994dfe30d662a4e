// JSON lines between a program and a `retort-worker rpc` process (design section 2): client side and message shapes.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace retort::job {

inline constexpr std::size_t kRpcMaxLine = 16u << 20;

/// {"rpc":1,"program":"retort-worker 0.1.0"}, the first line each way.
[[nodiscard]] std::string rpcHello(std::string_view program);

/// A worker process that holds one model. Calls are synchronous; one at a time; not for several threads at once.
class RpcClient {
 public:
  struct Options {
    std::string dtype = "bf16";          ///< bf16 | f32 | as-is
    int threads = 0;                     ///< 0: physical cores
    std::string device = "auto";
    std::filesystem::path adapter;       ///< a PEFT adapter folder laid over the model
  };
  /// Starts `retort-worker rpc MODEL` (findProgram) and waits for its hello, which comes after the model is loaded.
  static Result<std::unique_ptr<RpcClient>> start(const std::filesystem::path& model, const Options& options, std::stop_token stop = {});
  ~RpcClient();

  /// Sends a request and waits for its result. `note` sees each delta/progress message on the way. A stop request sends
  /// `cancel` and returns the cancelled error.
  Result<Json> call(std::string_view method, const Json& params, const std::function<void(const Json&)>& note = {}, std::stop_token stop = {});
  /// The worker's hello line (program, model, parameters, bytes, dtype, device …).
  [[nodiscard]] const Json& hello() const;

 private:
  RpcClient();
  struct Private;
  std::unique_ptr<Private> m;
};

// Methods and their params/results (all token ids are ints, all times milliseconds, log-probabilities natural):
//
// describe {} -> {"name","architecture","vocab","layers","parameters","bytes","context","eos":[ids],"bos":id|null,
//                 "template": text, "dtype","device","threads"}
// tokenize {"texts":[…],"special":bool} -> {"ids":[[…]…]}
// render   {"messages":[…],"tools":…,"add_generation_prompt":bool} -> {"text","ids":[…]}
// generate {"prompts":[{"messages":[…],"tools":…} | {"text":…} | {"ids":[…]} …], "max_tokens":N, "temperature":0, "top_k":0,
//           "top_p":1, "min_p":0, "repetition_penalty":1, "seed":1, "stop":[…], "logprobs":0|k, "batch":0 (auto), "stream":false}
//   -> {"outputs":[{"text","ids":[…],"finish":"stop|length","prompt_tokens":N,"logprobs":[lp of each id] (if asked),
//                   "top":[[[id,lp]…]…] (if k > 0), "ttft_ms","total_ms"}…], "seconds", "tokens_per_s"}
//   notes: {"delta":{"index","text"}} when stream; {"progress":{"done","of"}}
// score    {"items":[{"messages":[…],"target":{message}} | {"ids":[…],"from":N} …], "top_k":0}
//   -> {"items":[{"ids":[…] (scored ones),"logprobs":[…],"sum","top":[[[id,lp]…]…]}…]}
// profile  {"prompts":[… as generate],"warmup":3,"max_tokens":N,"batch":1}
//   -> {"rows":N,"ttft_ms":{"p50","p95"},"request_ms":{"p50","p95"},"tokens_per_s","prefill_tokens_per_s","output_tokens":N,
//       "peak_bytes","definition":"batch 1, greedy, natural stop, …"}
// cancel   {"id": request id} (no answer of its own)
// Errors: {"id","error":{code,what,where,why,next,detail}}.

}  // namespace retort::job
