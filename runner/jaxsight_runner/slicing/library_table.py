"""What is known of libraries: one row for a name and all below it, one column for each question asked.

defines     a module that imports it may call it and still only define: no question is asked
runs        but for this: it runs, reads, writes or waits
stateless   its functions keep no state that a later call sees, but for their settings
pure        the same of the standard library, whose functions may enter what they are given somewhere
fresh       a call leaves its arguments alone and returns a new value that nothing else holds
fixed       what a call makes cannot be changed in place, if its arguments cannot
everybodys  a call changes what everybody sees
looks       but for this: it only looks at that
quiet       a call that is named as if it set something for everybody does not
own         what a call sets up is the library's own, and is followed as its state
files       it reads or writes files
generator   it has a random state of its own
"""

from __future__ import annotations

ROWS = """
abc: defines pure
argparse: pure
atexit: everybodys
base64: pure
bisect: pure
chex: defines stateless
clu: stateless
cmath: defines pure fresh
code: everybodys
collections: defines pure
contextlib: defines pure
copy: defines pure
copy.deepcopy: fresh
ctypes: everybodys
dataclasses: defines pure
datetime: defines pure
decimal: defines pure
decimal.getcontext: everybodys
decimal.setcontext: everybodys
diffrax: defines stateless
distrax: defines stateless
einops: defines stateless
enum: defines pure
equinox: defines stateless fixed
flax: defines stateless
flax.linen: fixed
fractions: defines pure
functools: defines pure
functools.partial: fixed
functools.reduce: runs
gc: everybodys
gc.collect: looks
gin: everybodys
haiku: defines stateless
haiku.transform: fixed
haiku.without_apply_rng: fixed
hashlib: pure
heapq: pure
imp: everybodys
importlib: everybodys
importlib.metadata: looks
importlib.resources: looks
inspect.currentframe: everybodys
inspect.getmodule: everybodys
inspect.stack: everybodys
itertools: defines pure
itertools.starmap: runs
jax: defines stateless
jax.block_until_ready: runs fresh
jax.checkpoint: fixed
jax.config.read: quiet
jax.custom_jvp: fixed
jax.custom_vjp: fixed
jax.device_count: fresh fixed
jax.device_get: runs
jax.distributed: runs
jax.grad: fixed
jax.hessian: fixed
jax.jacfwd: fixed
jax.jacrev: fixed
jax.jit: fixed
jax.lax: fresh fixed
jax.lax.cond: runs
jax.lax.fori_loop: runs
jax.lax.map: runs
jax.lax.scan: runs
jax.lax.switch: runs
jax.lax.while_loop: runs
jax.local_device_count: fresh
jax.nn: fresh fixed
jax.numpy: fresh fixed
jax.numpy.fromfile: runs files
jax.numpy.genfromtxt: runs files
jax.numpy.load: runs files
jax.numpy.loadtxt: runs files
jax.numpy.memmap: runs files
jax.numpy.save: runs files
jax.numpy.savetxt: runs files
jax.numpy.savez: runs files
jax.numpy.savez_compressed: runs files
jax.pmap: fixed
jax.process_count: fresh
jax.process_index: fresh
jax.profiler: runs
jax.random: fresh fixed
jax.remat: fixed
jax.scipy: fresh fixed
jax.tree_util.Partial: fixed
jax.value_and_grad: fixed
jax.vmap: fixed
jaxlib: defines stateless
jaxopt: defines stateless
jaxtyping: defines stateless
json: pure
lineax: defines stateless
locale: everybodys
logging: defines pure fresh quiet
math: defines pure fresh fixed
matplotlib: defines stateless fresh quiet
matplotlib.pyplot: runs
ml_dtypes: defines stateless
mock: everybodys
numbers: pure
numpy: defines
numpy.dtype: fixed
numpy.float32: fixed
numpy.float64: fixed
numpy.fromfile: runs files
numpy.genfromtxt: runs files
numpy.int32: fixed
numpy.int64: fixed
numpy.load: runs files
numpy.loadtxt: runs files
numpy.log: fixed
numpy.memmap: runs files
numpy.prod: fixed
numpy.random.Generator: generator
numpy.random.PCG64: generator
numpy.random.RandomState: generator
numpy.random.SeedSequence: generator
numpy.random.default_rng: generator
numpy.save: runs files
numpy.savetxt: runs files
numpy.savez: runs files
numpy.savez_compressed: runs files
numpy.setbufsize: everybodys
numpy.seterr: everybodys
numpy.sqrt: fixed
numpyro: defines stateless
numpyro.distributions: fixed
numpyro.handlers: quiet
operator: defines pure
optax: defines stateless fixed quiet
optimistix: defines stateless
orbax: defines
os: defines
os._exit: runs
os.abort: runs
os.chdir: runs everybodys
os.environ: everybodys
os.environ.get: fixed looks
os.execl: runs
os.execle: runs
os.execlp: runs
os.execlpe: runs
os.execv: runs
os.execve: runs
os.execvp: runs
os.execvpe: runs
os.fork: runs
os.forkpty: runs
os.getenv: fixed
os.kill: runs
os.killpg: runs
os.link: runs
os.makedirs: runs
os.mkdir: runs
os.mkfifo: runs
os.open: runs
os.path: fresh fixed
os.popen: runs
os.posix_spawn: runs
os.posix_spawnp: runs
os.putenv: everybodys
os.remove: runs
os.removedirs: runs
os.rename: runs
os.replace: runs
os.rmdir: runs
os.spawnl: runs
os.spawnle: runs
os.spawnlp: runs
os.spawnlpe: runs
os.spawnv: runs
os.spawnve: runs
os.spawnvp: runs
os.spawnvpe: runs
os.startfile: runs
os.symlink: runs
os.system: runs
os.truncate: runs
os.unlink: runs
os.unsetenv: everybodys
os.wait: runs
os.wait3: runs
os.wait4: runs
os.waitid: runs
os.waitpid: runs
os.write: runs
pathlib: defines
pprint: pure
random: defines quiet
re: defines pure
rich: stateless
runpy: everybodys
seaborn: stateless fresh quiet
signal: everybodys
site: everybodys
statistics: pure
string: defines pure
struct: pure
sys: defines pure everybodys
sys.argv: looks
sys.executable: looks
sys.exit: runs looks
sys.platform: looks
sys.stderr: looks
sys.stdin: looks
sys.stdout: looks
sys.version: looks
sys.version_info: looks
tabulate: stateless
tensorflow: own
tensorflow_datasets: own
textwrap: pure
time: pure fresh fixed
torch: own
torchvision: own
tqdm: stateless
types: defines pure everybodys
types.SimpleNamespace: looks
typing: defines pure
typing.override: quiet
typing_extensions: defines pure
typing_extensions.override: quiet
unittest.mock: everybodys
wandb: stateless
warnings: defines pure
warnings.catch_warnings: everybodys
warnings.filterwarnings: everybodys
warnings.resetwarnings: everybodys
warnings.simplefilter: everybodys
zlib: pure
"""


def _columns() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in ROWS.strip().splitlines():
        name, _, columns = row.partition(": ")
        for column in columns.split():
            found.setdefault(column, set()).add(name)
    return {column: frozenset(names) for column, names in found.items()}


COLUMNS = _columns()


def known(dotted: str, column: str) -> bool:
    """Whether a dotted name, or one that it lies below, has a mark in a column."""
    names = COLUMNS[column]
    while dotted:
        if dotted in names:
            return True
        dotted = dotted.rpartition(".")[0]
    return False
