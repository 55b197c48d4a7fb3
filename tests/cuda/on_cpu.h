// What a CUDA file needs to be compiled by g++ and run on the CPU: a GPU of one core, and a strict one.
//
//   blocks     run one after the other
//   threads    run one after the other too, where the file has no __syncthreads; else each thread of a block is a
//              fiber with a stack of its own: it runs to its next __syncthreads, then the next thread runs, and when
//              all have arrived the first goes on.  Every other block begins with its last thread, so that a missing
//              __syncthreads shows whether it hurts the threads before or those behind
//   __shared__ is filled with 0xFF before each block, so what a block reads but never wrote is NaN or -1
//   a fault    (a wild address, misaligned pack, index beyond a fixed array, division by 0: the file is compiled with
//              -fsanitize=undefined) ends the launch with a message instead of ending the process
//
// Stricter than a GPU, which leaves these undefined: all threads of a block must arrive at the same __syncthreads, and
// none may have returned before.  What is not here is not there: a kernel that uses warp intrinsics does not compile.
//
// fake/cupy/_compile.py puts this file first and, behind the last line, for each kernel ON_CPU(name, with_fibers):
//
//   name__takes()     a letter and a size for each parameter, "p8i4f8": pointer, whole number, floating-point number
//   name__launch(grid, block, arguments, message)    as cuLaunchKernel: arguments point to the values;
//                                                    0, or 1 with what went wrong in message

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <type_traits>
#include <utility>

// -- the words of CUDA -----------------------------------------------------------------------------------------------

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("on_cpu_shared")))
#define __syncthreads() on_cpu::barrier(__LINE__)

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

template <class A, class B> static inline std::common_type_t<A, B> min(A a, B b)
{
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>)
        return fmin((T)a, (T)b); // as in CUDA: of a NaN and a number the number
    else
        return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B> static inline std::common_type_t<A, B> max(A a, B b)
{
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>)
        return fmax((T)a, (T)b);
    else
        return (T)a < (T)b ? (T)b : (T)a;
}
template <class T> static inline T __ldg(const T *p) { return *p; }
// Nobody interrupts: threads run one at a time.
static inline float atomicAdd(float *to, float value) { float before = *to; *to += value; return before; }
static inline float rsqrt(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float __int_as_float(int x) { float f; memcpy(&f, &x, 4); return f; }
static inline int __float_as_int(float x) { int i; memcpy(&i, &x, 4); return i; }

// -- a block ---------------------------------------------------------------------------------------------------------

extern char __start_on_cpu_shared[] __attribute__((weak)), __stop_on_cpu_shared[] __attribute__((weak));

namespace on_cpu {

const int MOST_THREADS = 1024, STACK = 64 * 1024, PAGE = 64 * 1024, MESSAGE = 256;

struct fiber {
    char *stack;
    jmp_buf where;
    bool started, ended;
    int line; // of the __syncthreads it waits at
};
static fiber fibers[MOST_THREADS];
static int current;       // the thread that runs
static jmp_buf scheduler; // where a thread goes back to when it waits or ends
static void (*body)();    // a call of the kernel
static void **arguments;

static void be_thread(int t)
{
    current = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
}

__attribute__((noinline, unused)) static void barrier(int line)
{
    fiber &self = fibers[current];
    self.line = line;
    if (!_setjmp(self.where)) // not sigsetjmp: without the two system calls of swapcontext a switch takes 10 ns
        _longjmp(scheduler, 1);
}

// A fiber's whole life: a thread of one block after the other.
static void live()
{
    for (;;) {
        body();
        fiber &self = fibers[current];
        self.ended = true;
        if (!_setjmp(self.where))
            _longjmp(scheduler, 1);
    }
}

__attribute__((noinline)) static void resume(int t)
{
    be_thread(t);
    fiber &f = fibers[t];
    if (f.started)
        _longjmp(f.where, 1);
    f.started = true;
    if (!f.stack) { // above a page that nobody may touch: a stack that runs over is a fault
        f.stack = (char *)mmap(nullptr, PAGE + STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (f.stack == MAP_FAILED || mprotect(f.stack += PAGE, STACK, PROT_READ | PROT_WRITE))
            abort();
    }
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = f.stack;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, live, 0);
    setcontext(&context);
}

// Every thread of a block to its end; false, with a message, where the threads part at a __syncthreads.
static bool run_fibers(int threads, bool backwards, char *message)
{
    for (int t = 0; t < threads; t++)
        fibers[t].ended = false;
    for (;;) {
        static int t; // static: a longjmp leaves it as it is
        for (t = 0; t < threads; t++)
            if (!_setjmp(scheduler))
                resume(backwards ? threads - 1 - t : t);
        int ended = 0;
        for (int i = 0; i < threads; i++)
            ended += fibers[i].ended;
        if (ended == threads)
            return true;
        for (int i = 0; i < threads; i++)
            if (ended || fibers[i].line != fibers[0].line) {
                snprintf(message, MESSAGE, "block (%u, %u, %u): %s while others wait at __syncthreads, line %d",
                         blockIdx.x, blockIdx.y, blockIdx.z,
                         ended ? "a thread returned" : "threads wait at another line", fibers[i].line);
                if (!fibers[i].ended)
                    return false;
            }
    }
}

// -- a launch --------------------------------------------------------------------------------------------------------

static sigjmp_buf fault;
static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};

static void on_fault(int signal) { siglongjmp(fault, signal); }

static bool run_blocks(const unsigned *grid, bool with_fibers, char *message)
{
    static bool backwards = true; // of the block before: a launch of one block takes turns with the next launch
    int threads = blockDim.x * blockDim.y * blockDim.z;
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                backwards = !backwards;
                if (__start_on_cpu_shared)
                    memset(__start_on_cpu_shared, 0xFF, __stop_on_cpu_shared - __start_on_cpu_shared);
                if (with_fibers) {
                    if (!run_fibers(threads, backwards, message))
                        return false;
                } else
                    for (int t = 0; t < threads; t++) {
                        be_thread(backwards ? threads - 1 - t : t);
                        body();
                    }
            }
    return true;
}

static int launch(void (*call)(), bool with_fibers, const unsigned *grid, const unsigned *block, void **args,
                  char *message)
{
    static char alternative[64 * 1024]; // a stack for the handler, as a fiber's may be what ran over
    stack_t own = {}, before;
    own.ss_sp = alternative;
    own.ss_size = sizeof alternative;
    sigaltstack(&own, &before);
    struct sigaction action = {}, handlers[4];
    action.sa_handler = on_fault;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < 4; i++)
        sigaction(SIGNALS[i], &action, &handlers[i]);

    body = call;
    arguments = args;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    bool fine = false;
    int signal = sigsetjmp(fault, 1);
    if (!signal)
        fine = run_blocks(grid, with_fibers, message);
    else
        snprintf(message, MESSAGE, "block (%u, %u, %u), thread (%u, %u, %u): %s", blockIdx.x, blockIdx.y, blockIdx.z,
                 threadIdx.x, threadIdx.y, threadIdx.z,
                 signal == SIGILL   ? "a misaligned pack, an index beyond a fixed array, or other undefined behaviour"
                 : signal == SIGFPE ? "a division by 0"
                                    : "an address that is no memory");
    if (!fine)
        for (fiber &f : fibers)
            f.started = false; // left in the middle: the next launch begins on a fresh stack

    for (int i = 0; i < 4; i++)
        sigaction(SIGNALS[i], &handlers[i], nullptr);
    sigaltstack(&before, nullptr);
    return !fine;
}

// -- a kernel, with its parameters' types taken from its declaration -------------------------------------------------

template <class P> static void append_kind(char *&end)
{
    *end++ = std::is_pointer_v<P> ? 'p' : std::is_floating_point_v<P> ? 'f' : std::is_integral_v<P> ? 'i' : '?';
    end += snprintf(end, 4, "%zu", sizeof(P));
}

template <class... P> static const char *takes(void (*)(P...))
{
    static char kinds[4 * sizeof...(P) + 8];
    char *end = kinds;
    (append_kind<std::remove_cv_t<P>>(end), ...);
    *end = 0;
    return kinds;
}

template <auto kernel> struct call;
template <class... P, void (*kernel)(P...)> struct call<kernel> {
    template <size_t... i> static void with(std::index_sequence<i...>) { kernel(*(P *)arguments[i]...); }
    static void run() { with(std::index_sequence_for<P...>()); }
};

} // namespace on_cpu

#define ON_CPU(name, with_fibers)                                                                                      \
    extern "C" const char *name##__takes() { return on_cpu::takes(name); }                                             \
    extern "C" int name##__launch(const unsigned *grid, const unsigned *block, void **arguments, char *message)        \
    {                                                                                                                  \
        return on_cpu::launch(on_cpu::call<name>::run, with_fibers, grid, block, arguments, message);                  \
    }
