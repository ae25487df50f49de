"""What ``python -m rnnlib.interop describe`` says of files of torch, of ours, and of others."""

import json
import pickle

import numpy as np
import pytest
import torch
from interop_examples import CELLS, random_network

from rnnlib import interop
from rnnlib.interop.__main__ import main
from rnnlib.interop.describe import describe
from rnnlib.nn import modules
from rnnlib.reference.lstm_projected import ProjectedLSTM


class Model(torch.nn.Module):
    """Three kinds of recurrent modules and one of another kind."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.GRU(3, 4, num_layers=2, bidirectional=True)
        self.small = torch.nn.LSTM(3, 4, proj_size=2, bias=False)
        self.cell = torch.nn.LSTMCell(3, 4)
        self.linear = torch.nn.Linear(3, 4)


def fresh_forget_bias(state, at):
    """Ones in one block of the biases of the cell, zeros elsewhere."""
    state["cell.bias_ih"] = torch.zeros(16)
    state["cell.bias_hh"] = torch.zeros(16)
    state["cell.bias_ih"][4 * at : 4 * at + 4] = 1


def as_safetensors(state):
    """The bytes of a safetensors file, after its description."""
    header, data = {}, b""
    for name, t in state.items():
        raw = t.contiguous().view(torch.uint8).numpy().tobytes()
        kind = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}[t.dtype]
        where = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": where}
        data += raw
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_state_dict_is_described(ending, dtype, tmp_path):
    state = Model().to(dtype).state_dict()
    fresh_forget_bias(state, at=1)
    state["cell.bias_ih"], state["cell.bias_hh"] = (
        state[f"cell.bias_{side}"].to(dtype) for side in ("ih", "hh")
    )
    path = tmp_path / f"model{ending}"
    if ending == ".pt":
        torch.save({"model": dict(state), "step": 3, "count": torch.tensor(3)}, path)
    else:
        path.write_bytes(as_safetensors({**state, "count": torch.tensor([3])}))
    told = describe(path)
    assert "3 recurrent modules" in told
    assert "encoder: torch.nn GRU\n  layers 2, directions 2, D = 3, H = 4" in told
    assert "small: torch.nn LSTM, proj_size\n  layers 1, directions 1, D = 3, H = 4, P = 2" in told
    assert "cell: torch.nn LSTM\n" in told
    assert "block 2 of the bias is all ones, a fresh forget bias, and by the names" in told
    assert "every order has equal shapes" in told


def test_a_forget_bias_in_another_block_gives_another_order_away(tmp_path):
    state = Model().state_dict()
    fresh_forget_bias(state, at=2)
    torch.save(state, tmp_path / "model.pt")
    assert "block 3 of the bias is all ones, a fresh forget bias, but by the names" in describe(
        tmp_path / "model.pt"
    )


def test_numbered_modules_of_torch_are_none_of_ours(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.GRU(3, 4))
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert "1 recurrent module\n\n1: torch.nn GRU\n" in describe(tmp_path / "model.pt")


def test_an_option_of_ours_is_told_from_torchs_own_layer(tmp_path):
    for name, options in [("plain", {}), ("peephole", {"peephole": True})]:
        layer = modules.LSTM(3, 4, **options)
        torch.save(layer.state_dict(), tmp_path / f"{name}.pt")
    assert "another function" not in describe(tmp_path / "plain.pt")
    assert "but with weight_c_l0: options of rnnlib.nn" in describe(tmp_path / "peephole.pt")
    with pytest.raises(ValueError, match="got 'weight_c_l0', which an option"):
        interop.from_torch(layer.state_dict())


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("cell", [*CELLS.values(), ProjectedLSTM(P=2)], ids=str)
def test_a_file_of_ours_is_described(cell, ways, tmp_path):
    params = random_network(np.random.default_rng(0), cell, layers=2, ways=ways)
    interop.save(tmp_path / "weights.npz", params)
    told = describe(tmp_path / "weights.npz")
    kind = interop.conventions.kind(params[0].ahead if ways == 2 else params[0])
    assert f"(top): rnnlib.reference {kind}\n  layers 2, directions {ways}, D = 3, H = 4" in told


def test_what_is_of_no_form_is_said_to_be_so(tmp_path):
    np.savez(
        tmp_path / "a.npz", **{"weight_ih_l0": np.ones((4, 3)), "weight_hh_l0": np.ones((5, 2))}
    )
    told = describe(tmp_path / "a.npz")
    assert "recurrent, but not to be read" in told
    assert "2.5 blocks of H = 2 rows, expected 1, 3 or 4" in told


def test_unknown_names_are_judged_by_their_shapes(tmp_path):
    arrays = {"U": np.ones((16, 4)), "V": np.ones((4, 12)), "Q": np.ones((4, 4))}
    arrays |= {"b": np.repeat([0.0, 0, 1, 0], 4), "zero": np.ones((0, 3)), "n": np.arange(4)}
    np.savez(tmp_path / "a.npz", **arrays)
    told = describe(tmp_path / "a.npz")
    assert "0 recurrent modules" in told
    assert "U (16, 4): LSTM by rows" in told
    assert "V (4, 12): GRU by columns" in told
    assert "Q (4, 4): RNN, by rows or transposed" in told
    assert "b (16,): all ones in block 3, a fresh forget bias in the order i, o, f, g" in told
    np.savez(tmp_path / "b.npz", n=np.arange(4))
    assert describe(tmp_path / "b.npz").endswith("  none")


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize("name", ["bomb.pt", "bomb.npz"])
def test_nothing_is_unpickled(name, tmp_path, capsys):
    path = tmp_path / name
    if name.endswith(".pt"):
        torch.save({"weight_ih_l0": Bomb()}, path)
    else:
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SystemExit) as left:
        main(["describe", str(path)])
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert "it ran" not in said and "weights_only" not in said


def test_the_command_describes_and_refuses(tmp_path, capsys):
    interop.save(tmp_path / "weights.npz", random_network(np.random.default_rng(0), CELLS["gru"]))
    main(["describe", str(tmp_path / "weights.npz")])
    assert capsys.readouterr().out.startswith("weights.npz: 1 recurrent module\n")
    for name, says in [
        ("a.txt", "expected an ending among"),
        ("none.npz", "No such file"),
        ("none.pt", "No such"),
    ]:
        with pytest.raises(SystemExit):
            main(["describe", str(tmp_path / name)])
        assert says in capsys.readouterr().err
    (tmp_path / "short.safetensors").write_bytes(b"abc")
    with pytest.raises(ValueError, match="does not begin as a safetensors file"):
        describe(tmp_path / "short.safetensors")
    for ending in (".npz", ".pt", ".keras", ".h5", ".onnx", ".safetensors"):
        (tmp_path / f"broken{ending}").write_bytes(b"PK\x03\x04 and nothing more")
        with pytest.raises((ValueError, OSError)):
            describe(tmp_path / f"broken{ending}")
    main(["table"])
    assert capsys.readouterr().out.count("\n") == 2 + len(interop.CONVENTIONS)
