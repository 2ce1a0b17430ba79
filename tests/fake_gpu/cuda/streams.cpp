// Streams and events: what is put on a stream runs at once, or becomes a node of the graph that is captured there.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <thread>

#include "fake.h"

namespace fake {

// The capture each stream is part of; null where it is none. The default stream is not among them.
static std::map<cudaStream_t, std::shared_ptr<Capture>> streams;
// The stream on which an event was recorded last; of a capture the chain that led there, and what was done before.
struct Record {
  cudaStream_t stream;
  long chain;
  Done done;
};
static std::map<cudaEvent_t, Record> recorded;
static thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

static size_t this_thread() { return std::hash<std::thread::id>{}(std::this_thread::get_id()); }

std::shared_ptr<Capture> capture_of(cudaStream_t stream) {
  const auto found = streams.find(stream);
  return found == streams.end() ? nullptr : found->second;
}

// The programming guide's rule: a relaxed thread may do anything; others mind their own captures that are not relaxed,
// and those of global mode mind the global captures of every thread.
static bool minds(const Capture& capture) {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return false;
  if (capture.thread == this_thread()) return capture.mode != cudaStreamCaptureModeRelaxed;
  return thread_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
}

static bool break_captures() {
  bool any = false;
  for (const auto& [stream, capture] : streams)
    if (capture && minds(*capture)) any = capture->broken = true;
  return any;
}

cudaError_t refuse_in_capture(const char* call) {
  Locked lock(everything);
  if (!break_captures()) return cudaSuccess;
  fprintf(stderr, "fake GPU: %s while a graph is captured\n", call);
  count("refused", call);
  return fail(cudaErrorStreamCaptureUnsupported);
}

cudaError_t enqueue(const char* kind, const std::string& name, cudaStream_t stream) {
  Locked lock(everything);
  const auto capture = capture_of(stream);
  if (capture) {
    capture->nodes[name]++;
    capture->longest = std::max(capture->longest, ++capture->ends[stream]);
    capture->done[stream][stream]++;
    return capture->broken ? fail(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
  }
  // It would run now, and be missing from the graph.
  if ((stream == nullptr || stream == cudaStreamLegacy) && break_captures()) {
    fprintf(stderr, "fake GPU: %s on the default stream while a graph is captured\n", name.c_str());
    count("refused", kind);
    return fail(cudaErrorStreamCaptureImplicit);
  }
  count(kind, name);
  return cudaSuccess;
}

static cudaError_t create_stream(cudaStream_t* stream) {
  Locked lock(everything);
  *stream = reinterpret_cast<cudaStream_t>(new char);
  streams[*stream] = nullptr;
  return cudaSuccess;
}

static cudaError_t record(cudaEvent_t event, cudaStream_t stream) {
  Locked lock(everything);
  const auto capture = capture_of(stream);
  recorded[event] = {stream, capture ? capture->ends[stream] : 0, capture ? capture->done[stream] : Done{}};
  return cudaSuccess;
}

static cudaError_t create_event(cudaEvent_t* event) {
  *event = reinterpret_cast<cudaEvent_t>(new char);
  return cudaSuccess;
}

}  // namespace fake

EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream) { return fake::create_stream(stream); }
EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return fake::create_stream(stream); }
EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return fake::create_stream(stream);
}

EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  fake::Locked lock(fake::everything);
  fake::streams.erase(stream);
  delete reinterpret_cast<char*>(stream);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t, int* priority) {
  *priority = 0;
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamQuery(cudaStream_t) { return cudaSuccess; }

EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t) {
  fake::count("synchronisation", "cudaStreamSynchronize");
  return fake::refuse_in_capture("cudaStreamSynchronize");
}

// A stream that waits for work which is being captured is captured from there on.
EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  fake::Locked lock(fake::everything);
  const auto from = fake::recorded.find(event);
  const auto capture = from == fake::recorded.end() ? nullptr : fake::capture_of(from->second.stream);
  if (capture && fake::streams.count(stream) && !fake::streams[stream]) fake::streams[stream] = capture;
  if (!capture) return cudaSuccess;
  capture->ends[stream] = std::max(capture->ends[stream], from->second.chain);
  for (const auto& [other, times] : from->second.done) {
    long& known = capture->done[stream][other];
    known = std::max(known, times);
  }
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event) { return fake::create_event(event); }
EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return fake::create_event(event); }
EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) { return fake::record(event, stream); }
EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return fake::record(event, stream);
}

EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) {
  fake::Locked lock(fake::everything);
  fake::recorded.erase(event);
  delete reinterpret_cast<char*>(event);
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }

EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t) {
  fake::count("synchronisation", "cudaEventSynchronize");
  return fake::refuse_in_capture("cudaEventSynchronize");
}

// Nothing takes time here. So long that whoever repeats a measurement until it is long enough does so only a few times.
EXPORT cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 10;
  return cudaSuccess;
}

EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, fake::thread_mode);
  return cudaSuccess;
}

// A host function runs when its stream comes to it: here that is now.
EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  if (!fake::capture_of(stream)) function(argument);
  return fake::enqueue("host", "function", stream);
}

EXPORT cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t function, void* argument, unsigned) {
  function(stream, cudaSuccess, argument);
  return cudaSuccess;
}

// Beginning and end of a capture; graphs.cpp makes a graph of its nodes.
EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  fake::Locked lock(fake::everything);
  if (!fake::streams.count(stream) || fake::streams[stream]) return fake::fail(cudaErrorStreamCaptureUnsupported);
  static unsigned long long captures = 0;
  fake::streams[stream] = std::make_shared<fake::Capture>(
      fake::Capture{++captures, mode, fake::this_thread(), false, {}, {}, {}});
  return cudaSuccess;
}

namespace fake {

std::shared_ptr<Capture> end_capture(cudaStream_t stream) {
  const auto capture = capture_of(stream);
  for (auto& [each, its] : streams)
    if (capture && its == capture) its = nullptr;
  return capture;
}

bool joined(const Capture& capture, cudaStream_t origin) {
  const auto known = capture.done.find(origin);
  for (const auto& [stream, done] : capture.done) {
    const auto own = done.find(stream);
    if (stream == origin || own == done.end()) continue;
    if (known == capture.done.end() || !known->second.count(stream)) return false;
    if (known->second.at(stream) < own->second) return false;
  }
  return true;
}

}  // namespace fake
