-- nvim --headless -u NONE -S nvim.lua, with MODEL and SERVER (words separated by newlines) in the environment
local ok, err = pcall(function()
  vim.cmd('edit ' .. vim.fn.fnameescape(vim.env.MODEL))
  vim.bo.filetype = 'python'
  local buf = vim.api.nvim_get_current_buf()
  local root = vim.fn.fnamemodify(vim.env.MODEL, ':h')
  local id = vim.lsp.start_client({ name = 'jaxsight', cmd = vim.split(vim.env.SERVER, '\n'), root_dir = root })
  vim.lsp.buf_attach_client(buf, id)
  assert(vim.wait(20000, function() return #vim.diagnostic.get(buf) == 1 end, 50), 'no diagnostics')
  local found = vim.diagnostic.get(buf)[1]
  assert(found.code == 'array-item-assignment' and found.lnum == 7, vim.inspect(found))
  local client = vim.lsp.get_client_by_id(id)
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = { start = { line = 7, character = 4 }, ['end'] = { line = 7, character = 8 } },
    context = { diagnostics = {} },
  }
  local action = vim.lsp.buf_request_sync(buf, 'textDocument/codeAction', params, 10000)[id].result[1]
  if not action.edit then
    action = vim.lsp.buf_request_sync(buf, 'codeAction/resolve', action, 10000)[id].result
  end
  vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  assert(vim.wait(20000, function() return #vim.diagnostic.get(buf) == 0 end, 50), 'the finding stays')
  vim.cmd('write')
end)
if not ok then
  io.stderr:write(tostring(err) .. '\n')
  vim.cmd('cquit 1')
end
vim.cmd('qall!')
