"""Is a running server as accurate as the model card says, or as an earlier run was?"""
